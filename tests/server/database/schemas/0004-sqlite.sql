CREATE TABLE schema_version (
	version_num VARCHAR(32) NOT NULL,
	CONSTRAINT schema_version_pkc PRIMARY KEY (version_num)
);
CREATE TABLE channel (
	id INTEGER NOT NULL,
	name TEXT NOT NULL,
	last_update TEXT,
	CONSTRAINT pk_channel PRIMARY KEY (id)
);
CREATE UNIQUE INDEX channel_name ON channel (name);
CREATE TABLE event (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
	at TEXT NOT NULL,
	kind TEXT NOT NULL,
	namespace_id INTEGER,
	environment_id INTEGER,
	build_id INTEGER,
	data TEXT DEFAULT '{}' NOT NULL
);
CREATE INDEX event_of_names ON event (id) WHERE kind IN ('environment.created', 'environment.deleted');
CREATE TABLE namespace (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
	name TEXT NOT NULL,
	metadata TEXT DEFAULT '{}' NOT NULL,
	served INTEGER DEFAULT '0' NOT NULL,
	created_on TEXT NOT NULL,
	deleted_on TEXT
);
CREATE UNIQUE INDEX namespace_name ON namespace (name) WHERE deleted_on IS NULL;
CREATE TABLE build_block (
	block INTEGER NOT NULL,
	builds INTEGER NOT NULL,
	CONSTRAINT pk_build_block PRIMARY KEY (block)
);
CREATE TABLE revision (
	name TEXT NOT NULL,
	number INTEGER NOT NULL,
	CONSTRAINT pk_revision PRIMARY KEY (name)
)
 WITHOUT ROWID;
CREATE TABLE setting (
	id INTEGER NOT NULL,
	level TEXT NOT NULL,
	namespace_id INTEGER DEFAULT '0' NOT NULL,
	environment_id INTEGER DEFAULT '0' NOT NULL,
	name TEXT NOT NULL,
	value TEXT NOT NULL,
	CONSTRAINT pk_setting PRIMARY KEY (id)
);
CREATE UNIQUE INDEX setting_name ON setting (namespace_id, environment_id, name);
CREATE TABLE specification (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
	kind TEXT NOT NULL,
	name TEXT NOT NULL,
	spec TEXT NOT NULL,
	text TEXT NOT NULL,
	sha256 TEXT NOT NULL,
	created_on TEXT NOT NULL
);
CREATE UNIQUE INDEX specification_sha256 ON specification (sha256);
CREATE TABLE token (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
	sha256 TEXT NOT NULL,
	name TEXT NOT NULL,
	who TEXT NOT NULL,
	grants TEXT NOT NULL,
	created_on TEXT NOT NULL,
	expires_on TEXT,
	revoked_on TEXT
);
CREATE UNIQUE INDEX token_sha256 ON token (sha256);
CREATE TABLE worker (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
	name TEXT NOT NULL,
	host TEXT NOT NULL,
	pid INTEGER NOT NULL,
	state TEXT NOT NULL,
	capacity INTEGER NOT NULL,
	started_on TEXT NOT NULL,
	seen_on TEXT NOT NULL
);
CREATE INDEX worker_state ON worker (state, seen_on);
CREATE TABLE counter (
	namespace_id INTEGER NOT NULL,
	status TEXT NOT NULL,
	builds INTEGER DEFAULT '0' NOT NULL,
	bytes INTEGER DEFAULT '0' NOT NULL,
	environments INTEGER DEFAULT '0' NOT NULL,
	CONSTRAINT pk_counter PRIMARY KEY (namespace_id, status),
	CONSTRAINT fk_counter_namespace_id FOREIGN KEY(namespace_id) REFERENCES namespace (id)
)
 WITHOUT ROWID;
CREATE TABLE environment (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
	namespace_id INTEGER NOT NULL,
	namespace TEXT NOT NULL,
	name TEXT NOT NULL,
	description TEXT DEFAULT '' NOT NULL,
	current_build_id INTEGER,
	decided INTEGER DEFAULT '0' NOT NULL,
	tags TEXT DEFAULT '[]' NOT NULL,
	created_on TEXT NOT NULL,
	deleted_on TEXT,
	CONSTRAINT fk_environment_namespace_id FOREIGN KEY(namespace_id) REFERENCES namespace (id)
);
CREATE INDEX environment_in ON environment (namespace_id, name) WHERE deleted_on IS NULL;
CREATE INDEX environment_by_name ON environment (name, namespace) WHERE deleted_on IS NULL;
CREATE UNIQUE INDEX environment_name ON environment (namespace, name) WHERE deleted_on IS NULL;
CREATE TABLE namespace_role (
	id INTEGER NOT NULL,
	namespace_id INTEGER NOT NULL,
	entity TEXT NOT NULL,
	role TEXT NOT NULL,
	CONSTRAINT pk_namespace_role PRIMARY KEY (id),
	CONSTRAINT fk_namespace_role_namespace_id FOREIGN KEY(namespace_id) REFERENCES namespace (id)
);
CREATE UNIQUE INDEX namespace_role_entity ON namespace_role (namespace_id, entity);
CREATE TABLE package (
	id INTEGER NOT NULL,
	channel_id INTEGER NOT NULL,
	name TEXT NOT NULL,
	version TEXT NOT NULL,
	build TEXT NOT NULL,
	sha256 TEXT,
	license TEXT,
	summary TEXT,
	size INTEGER,
	CONSTRAINT pk_package PRIMARY KEY (id),
	CONSTRAINT fk_package_channel_id FOREIGN KEY(channel_id) REFERENCES channel (id)
);
CREATE INDEX package_by_name ON package (name);
CREATE UNIQUE INDEX package_name ON package (channel_id, name, version, build);
CREATE TABLE source (
	id INTEGER NOT NULL,
	namespace_id INTEGER NOT NULL,
	kind TEXT NOT NULL,
	location TEXT NOT NULL,
	state TEXT DEFAULT '{}' NOT NULL,
	CONSTRAINT pk_source PRIMARY KEY (id),
	CONSTRAINT fk_source_namespace_id FOREIGN KEY(namespace_id) REFERENCES namespace (id)
);
CREATE UNIQUE INDEX source_location ON source (namespace_id, kind, location);
CREATE TABLE build (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
	environment_id INTEGER NOT NULL,
	namespace_id INTEGER NOT NULL,
	specification_id INTEGER NOT NULL,
	"key" TEXT NOT NULL,
	status TEXT NOT NULL,
	status_info TEXT,
	reason TEXT,
	priority INTEGER DEFAULT '0' NOT NULL,
	attempt INTEGER DEFAULT '0' NOT NULL,
	retries INTEGER DEFAULT '0' NOT NULL,
	deaths INTEGER DEFAULT '0' NOT NULL,
	asked INTEGER DEFAULT '0' NOT NULL,
	worker_id INTEGER,
	workflow_id TEXT,
	admitted_on TEXT,
	not_before TEXT,
	deadline TEXT,
	size INTEGER DEFAULT '0' NOT NULL,
	store_key TEXT,
	scheduled_on TEXT NOT NULL,
	started_on TEXT,
	ended_on TEXT,
	deleted_on TEXT,
	cancel_asked TEXT,
	CONSTRAINT fk_build_environment_id FOREIGN KEY(environment_id) REFERENCES environment (id),
	CONSTRAINT fk_build_namespace_id FOREIGN KEY(namespace_id) REFERENCES namespace (id),
	CONSTRAINT fk_build_specification_id FOREIGN KEY(specification_id) REFERENCES specification (id),
	CONSTRAINT fk_build_worker_id FOREIGN KEY(worker_id) REFERENCES worker (id)
);
CREATE INDEX build_admitted ON build (namespace_id) WHERE status IN ('QUEUED', 'BUILDING') AND admitted_on IS NOT NULL;
CREATE INDEX build_done_key ON build ("key") WHERE status = 'COMPLETED' AND deleted_on IS NULL;
CREATE UNIQUE INDEX build_live_key ON build ("key") WHERE status IN ('QUEUED', 'BUILDING');
CREATE INDEX build_of_environment ON build (environment_id, id) WHERE deleted_on IS NULL;
CREATE INDEX build_of_namespace ON build (namespace_id, id) WHERE deleted_on IS NULL;
CREATE INDEX build_of_status ON build (status, namespace_id, id) WHERE deleted_on IS NULL;
CREATE TABLE build_artifact (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
	build_id INTEGER NOT NULL,
	artifact_type TEXT NOT NULL,
	"key" TEXT NOT NULL,
	sha256 TEXT,
	size INTEGER,
	CONSTRAINT fk_build_artifact_build_id FOREIGN KEY(build_id) REFERENCES build (id)
);
CREATE UNIQUE INDEX build_artifact_build ON build_artifact (build_id, artifact_type, "key");
CREATE INDEX build_artifact_key ON build_artifact ("key");
CREATE TABLE build_package (
	build_id INTEGER NOT NULL,
	package_id INTEGER NOT NULL,
	CONSTRAINT pk_build_package PRIMARY KEY (build_id, package_id),
	CONSTRAINT fk_build_package_build_id FOREIGN KEY(build_id) REFERENCES build (id),
	CONSTRAINT fk_build_package_package_id FOREIGN KEY(package_id) REFERENCES package (id)
)
 WITHOUT ROWID;
CREATE INDEX build_package_package ON build_package (package_id, build_id);
CREATE TABLE log_chunk (
	build_id INTEGER NOT NULL,
	seq INTEGER NOT NULL,
	attempt INTEGER NOT NULL,
	start INTEGER NOT NULL,
	at TEXT NOT NULL,
	text TEXT NOT NULL,
	CONSTRAINT pk_log_chunk PRIMARY KEY (build_id, seq),
	CONSTRAINT fk_log_chunk_build_id FOREIGN KEY(build_id) REFERENCES build (id)
);
CREATE UNIQUE INDEX log_chunk_start ON log_chunk (build_id, start);
CREATE TABLE submission (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
	build_id INTEGER NOT NULL,
	who TEXT NOT NULL,
	at TEXT NOT NULL,
	CONSTRAINT fk_submission_build_id FOREIGN KEY(build_id) REFERENCES build (id)
);
CREATE INDEX submission_build ON submission (build_id);
CREATE INDEX build_waiting ON build (namespace_id, priority DESC, id) WHERE status = 'QUEUED' AND admitted_on IS NULL;
CREATE VIRTUAL TABLE environment_search USING fts5(path, content='', tokenize='trigram');
CREATE TRIGGER environment_search_added AFTER INSERT ON environment
        WHEN new.deleted_on IS NULL BEGIN
            INSERT INTO environment_search(rowid, path)
            VALUES (new.id, new.namespace || '/' || new.name);
        END;
CREATE TRIGGER environment_search_removed AFTER UPDATE OF deleted_on ON environment
        WHEN old.deleted_on IS NULL AND new.deleted_on IS NOT NULL BEGIN
            INSERT INTO environment_search(environment_search, rowid, path)
            VALUES ('delete', old.id, old.namespace || '/' || old.name);
        END;
CREATE TABLE part (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
	sha256 TEXT NOT NULL,
	size INTEGER NOT NULL,
	packed INTEGER
);
CREATE UNIQUE INDEX part_sha256 ON part (sha256);
CREATE TABLE build_part (
	build_id INTEGER NOT NULL,
	part_id INTEGER NOT NULL,
	CONSTRAINT pk_build_part PRIMARY KEY (build_id, part_id),
	CONSTRAINT fk_build_part_build_id FOREIGN KEY(build_id) REFERENCES build (id),
	CONSTRAINT fk_build_part_part_id FOREIGN KEY(part_id) REFERENCES part (id)
)
 WITHOUT ROWID;
CREATE INDEX build_part_part ON build_part (part_id, build_id);
CREATE TABLE answer (
	question TEXT NOT NULL,
	build_id INTEGER NOT NULL,
	CONSTRAINT pk_answer PRIMARY KEY (question, build_id),
	CONSTRAINT fk_answer_build_id FOREIGN KEY(build_id) REFERENCES build (id)
)
 WITHOUT ROWID;
CREATE INDEX answer_build ON answer (build_id);
CREATE TABLE removal (
	"key" TEXT NOT NULL,
	since TEXT NOT NULL,
	CONSTRAINT pk_removal PRIMARY KEY ("key")
)
 WITHOUT ROWID;
CREATE INDEX build_of_store ON build (store_key, id) WHERE store_key IS NOT NULL;
CREATE INDEX build_started ON build (started_on, id) WHERE deleted_on IS NULL;
CREATE INDEX build_ended ON build (ended_on, id) WHERE deleted_on IS NULL;
CREATE INDEX build_started_in ON build (namespace_id, started_on, id) WHERE deleted_on IS NULL;
CREATE INDEX build_ended_in ON build (namespace_id, ended_on, id) WHERE deleted_on IS NULL;
CREATE TABLE namespace_part (
	namespace_id INTEGER NOT NULL,
	part_id INTEGER NOT NULL,
	builds INTEGER NOT NULL,
	CONSTRAINT pk_namespace_part PRIMARY KEY (namespace_id, part_id),
	CONSTRAINT fk_namespace_part_namespace_id FOREIGN KEY(namespace_id) REFERENCES namespace (id),
	CONSTRAINT fk_namespace_part_part_id FOREIGN KEY(part_id) REFERENCES part (id)
)
 WITHOUT ROWID;
CREATE INDEX namespace_part_part ON namespace_part (part_id, namespace_id);
CREATE TABLE source_file (
	source_id INTEGER NOT NULL,
	path TEXT NOT NULL,
	name TEXT,
	taken TEXT,
	build_id INTEGER,
	reason TEXT,
	gone_on TEXT,
	CONSTRAINT pk_source_file PRIMARY KEY (source_id, path),
	CONSTRAINT fk_source_file_source_id FOREIGN KEY(source_id) REFERENCES source (id)
)
 WITHOUT ROWID;
