CREATE EXTENSION IF NOT EXISTS pg_trgm WITH SCHEMA public;
CREATE TABLE public.answer (
    question text NOT NULL COLLATE pg_catalog."C",
    build_id bigint NOT NULL
);
CREATE TABLE public.build (
    id bigint NOT NULL,
    environment_id bigint NOT NULL,
    namespace_id bigint NOT NULL,
    specification_id bigint NOT NULL,
    key text NOT NULL COLLATE pg_catalog."C",
    status text NOT NULL COLLATE pg_catalog."C",
    status_info text,
    reason text,
    priority integer DEFAULT 0 NOT NULL,
    attempt integer DEFAULT 0 NOT NULL,
    retries integer DEFAULT 0 NOT NULL,
    deaths integer DEFAULT 0 NOT NULL,
    asked bigint DEFAULT '0'::bigint NOT NULL,
    worker_id bigint,
    workflow_id text COLLATE pg_catalog."C",
    admitted_on text COLLATE pg_catalog."C",
    not_before text COLLATE pg_catalog."C",
    deadline text COLLATE pg_catalog."C",
    size bigint DEFAULT '0'::bigint NOT NULL,
    store_key text COLLATE pg_catalog."C",
    scheduled_on text NOT NULL COLLATE pg_catalog."C",
    started_on text COLLATE pg_catalog."C",
    ended_on text COLLATE pg_catalog."C",
    deleted_on text COLLATE pg_catalog."C",
    cancel_asked text COLLATE pg_catalog."C"
);
CREATE TABLE public.build_artifact (
    id bigint NOT NULL,
    build_id bigint NOT NULL,
    artifact_type text NOT NULL COLLATE pg_catalog."C",
    key text NOT NULL COLLATE pg_catalog."C",
    sha256 text COLLATE pg_catalog."C",
    size bigint
);
CREATE SEQUENCE public.build_artifact_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.build_artifact_id_seq OWNED BY public.build_artifact.id;
CREATE TABLE public.build_block (
    block bigint NOT NULL,
    builds bigint NOT NULL
);
CREATE SEQUENCE public.build_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.build_id_seq OWNED BY public.build.id;
CREATE TABLE public.build_package (
    build_id bigint NOT NULL,
    package_id bigint NOT NULL
);
CREATE TABLE public.build_part (
    build_id bigint NOT NULL,
    part_id bigint NOT NULL
);
CREATE TABLE public.channel (
    id bigint NOT NULL,
    name text NOT NULL COLLATE pg_catalog."C",
    last_update text COLLATE pg_catalog."C"
);
CREATE SEQUENCE public.channel_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.channel_id_seq OWNED BY public.channel.id;
CREATE TABLE public.counter (
    namespace_id bigint NOT NULL,
    status text NOT NULL COLLATE pg_catalog."C",
    builds bigint DEFAULT '0'::bigint NOT NULL,
    bytes bigint DEFAULT '0'::bigint NOT NULL,
    environments bigint DEFAULT '0'::bigint NOT NULL
);
CREATE TABLE public.environment (
    id bigint NOT NULL,
    namespace_id bigint NOT NULL,
    namespace text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL COLLATE pg_catalog."C",
    description text DEFAULT ''::text NOT NULL,
    current_build_id bigint,
    decided bigint DEFAULT '0'::bigint NOT NULL,
    tags text DEFAULT '[]'::text NOT NULL,
    created_on text NOT NULL COLLATE pg_catalog."C",
    deleted_on text COLLATE pg_catalog."C"
);
CREATE SEQUENCE public.environment_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.environment_id_seq OWNED BY public.environment.id;
CREATE TABLE public.event (
    id bigint NOT NULL,
    at text NOT NULL COLLATE pg_catalog."C",
    kind text NOT NULL COLLATE pg_catalog."C",
    namespace_id bigint,
    environment_id bigint,
    build_id bigint,
    data text DEFAULT '{}'::text NOT NULL
);
CREATE SEQUENCE public.event_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.event_id_seq OWNED BY public.event.id;
CREATE TABLE public.log_chunk (
    build_id bigint NOT NULL,
    seq integer NOT NULL,
    attempt integer NOT NULL,
    start bigint NOT NULL,
    at text NOT NULL COLLATE pg_catalog."C",
    text text NOT NULL
);
CREATE TABLE public.namespace (
    id bigint NOT NULL,
    name text NOT NULL COLLATE pg_catalog."C",
    metadata text DEFAULT '{}'::text NOT NULL,
    served bigint DEFAULT '0'::bigint NOT NULL,
    created_on text NOT NULL COLLATE pg_catalog."C",
    deleted_on text COLLATE pg_catalog."C"
);
CREATE SEQUENCE public.namespace_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.namespace_id_seq OWNED BY public.namespace.id;
CREATE TABLE public.namespace_part (
    namespace_id bigint NOT NULL,
    part_id bigint NOT NULL,
    builds bigint NOT NULL
);
CREATE TABLE public.namespace_role (
    id bigint NOT NULL,
    namespace_id bigint NOT NULL,
    entity text NOT NULL COLLATE pg_catalog."C",
    role text NOT NULL
);
CREATE SEQUENCE public.namespace_role_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.namespace_role_id_seq OWNED BY public.namespace_role.id;
CREATE TABLE public.package (
    id bigint NOT NULL,
    channel_id bigint NOT NULL,
    name text NOT NULL COLLATE pg_catalog."C",
    version text NOT NULL COLLATE pg_catalog."C",
    build text NOT NULL COLLATE pg_catalog."C",
    sha256 text COLLATE pg_catalog."C",
    license text,
    summary text,
    size bigint
);
CREATE SEQUENCE public.package_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.package_id_seq OWNED BY public.package.id;
CREATE TABLE public.part (
    id bigint NOT NULL,
    sha256 text NOT NULL COLLATE pg_catalog."C",
    size bigint NOT NULL,
    packed bigint
);
CREATE SEQUENCE public.part_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.part_id_seq OWNED BY public.part.id;
CREATE TABLE public.removal (
    key text NOT NULL COLLATE pg_catalog."C",
    since text NOT NULL COLLATE pg_catalog."C"
);
CREATE TABLE public.revision (
    name text NOT NULL COLLATE pg_catalog."C",
    number bigint NOT NULL
);
CREATE TABLE public.schema_version (
    version_num character varying(32) NOT NULL
);
CREATE TABLE public.setting (
    id bigint NOT NULL,
    level text NOT NULL,
    namespace_id bigint DEFAULT '0'::bigint NOT NULL,
    environment_id bigint DEFAULT '0'::bigint NOT NULL,
    name text NOT NULL COLLATE pg_catalog."C",
    value text NOT NULL
);
CREATE SEQUENCE public.setting_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.setting_id_seq OWNED BY public.setting.id;
CREATE TABLE public.source (
    id bigint NOT NULL,
    namespace_id bigint NOT NULL,
    kind text NOT NULL,
    location text NOT NULL COLLATE pg_catalog."C",
    state text DEFAULT '{}'::text NOT NULL
);
CREATE TABLE public.source_file (
    source_id bigint NOT NULL,
    path text NOT NULL COLLATE pg_catalog."C",
    name text,
    taken text,
    build_id bigint,
    reason text,
    gone_on text COLLATE pg_catalog."C"
);
CREATE SEQUENCE public.source_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.source_id_seq OWNED BY public.source.id;
CREATE TABLE public.specification (
    id bigint NOT NULL,
    kind text NOT NULL,
    name text NOT NULL COLLATE pg_catalog."C",
    spec text NOT NULL,
    text text NOT NULL,
    sha256 text NOT NULL COLLATE pg_catalog."C",
    created_on text NOT NULL COLLATE pg_catalog."C"
);
CREATE SEQUENCE public.specification_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.specification_id_seq OWNED BY public.specification.id;
CREATE TABLE public.submission (
    id bigint NOT NULL,
    build_id bigint NOT NULL,
    who text NOT NULL,
    at text NOT NULL COLLATE pg_catalog."C"
);
CREATE SEQUENCE public.submission_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.submission_id_seq OWNED BY public.submission.id;
CREATE TABLE public.token (
    id bigint NOT NULL,
    sha256 text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL,
    who text NOT NULL,
    grants text NOT NULL,
    created_on text NOT NULL COLLATE pg_catalog."C",
    expires_on text COLLATE pg_catalog."C",
    revoked_on text COLLATE pg_catalog."C"
);
CREATE SEQUENCE public.token_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.token_id_seq OWNED BY public.token.id;
CREATE TABLE public.worker (
    id bigint NOT NULL,
    name text NOT NULL COLLATE pg_catalog."C",
    host text NOT NULL,
    pid bigint NOT NULL,
    state text NOT NULL,
    capacity integer NOT NULL,
    started_on text NOT NULL COLLATE pg_catalog."C",
    seen_on text NOT NULL COLLATE pg_catalog."C"
);
CREATE SEQUENCE public.worker_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.worker_id_seq OWNED BY public.worker.id;
ALTER TABLE ONLY public.build ALTER COLUMN id SET DEFAULT nextval('public.build_id_seq'::regclass);
ALTER TABLE ONLY public.build_artifact ALTER COLUMN id SET DEFAULT nextval('public.build_artifact_id_seq'::regclass);
ALTER TABLE ONLY public.channel ALTER COLUMN id SET DEFAULT nextval('public.channel_id_seq'::regclass);
ALTER TABLE ONLY public.environment ALTER COLUMN id SET DEFAULT nextval('public.environment_id_seq'::regclass);
ALTER TABLE ONLY public.event ALTER COLUMN id SET DEFAULT nextval('public.event_id_seq'::regclass);
ALTER TABLE ONLY public.namespace ALTER COLUMN id SET DEFAULT nextval('public.namespace_id_seq'::regclass);
ALTER TABLE ONLY public.namespace_role ALTER COLUMN id SET DEFAULT nextval('public.namespace_role_id_seq'::regclass);
ALTER TABLE ONLY public.package ALTER COLUMN id SET DEFAULT nextval('public.package_id_seq'::regclass);
ALTER TABLE ONLY public.part ALTER COLUMN id SET DEFAULT nextval('public.part_id_seq'::regclass);
ALTER TABLE ONLY public.setting ALTER COLUMN id SET DEFAULT nextval('public.setting_id_seq'::regclass);
ALTER TABLE ONLY public.source ALTER COLUMN id SET DEFAULT nextval('public.source_id_seq'::regclass);
ALTER TABLE ONLY public.specification ALTER COLUMN id SET DEFAULT nextval('public.specification_id_seq'::regclass);
ALTER TABLE ONLY public.submission ALTER COLUMN id SET DEFAULT nextval('public.submission_id_seq'::regclass);
ALTER TABLE ONLY public.token ALTER COLUMN id SET DEFAULT nextval('public.token_id_seq'::regclass);
ALTER TABLE ONLY public.worker ALTER COLUMN id SET DEFAULT nextval('public.worker_id_seq'::regclass);
ALTER TABLE ONLY public.answer
    ADD CONSTRAINT pk_answer PRIMARY KEY (question, build_id);
ALTER TABLE ONLY public.build
    ADD CONSTRAINT pk_build PRIMARY KEY (id);
ALTER TABLE ONLY public.build_artifact
    ADD CONSTRAINT pk_build_artifact PRIMARY KEY (id);
ALTER TABLE ONLY public.build_block
    ADD CONSTRAINT pk_build_block PRIMARY KEY (block);
ALTER TABLE ONLY public.build_package
    ADD CONSTRAINT pk_build_package PRIMARY KEY (build_id, package_id);
ALTER TABLE ONLY public.build_part
    ADD CONSTRAINT pk_build_part PRIMARY KEY (build_id, part_id);
ALTER TABLE ONLY public.channel
    ADD CONSTRAINT pk_channel PRIMARY KEY (id);
ALTER TABLE ONLY public.counter
    ADD CONSTRAINT pk_counter PRIMARY KEY (namespace_id, status);
ALTER TABLE ONLY public.environment
    ADD CONSTRAINT pk_environment PRIMARY KEY (id);
ALTER TABLE ONLY public.event
    ADD CONSTRAINT pk_event PRIMARY KEY (id);
ALTER TABLE ONLY public.log_chunk
    ADD CONSTRAINT pk_log_chunk PRIMARY KEY (build_id, seq);
ALTER TABLE ONLY public.namespace
    ADD CONSTRAINT pk_namespace PRIMARY KEY (id);
ALTER TABLE ONLY public.namespace_part
    ADD CONSTRAINT pk_namespace_part PRIMARY KEY (namespace_id, part_id);
ALTER TABLE ONLY public.namespace_role
    ADD CONSTRAINT pk_namespace_role PRIMARY KEY (id);
ALTER TABLE ONLY public.package
    ADD CONSTRAINT pk_package PRIMARY KEY (id);
ALTER TABLE ONLY public.part
    ADD CONSTRAINT pk_part PRIMARY KEY (id);
ALTER TABLE ONLY public.removal
    ADD CONSTRAINT pk_removal PRIMARY KEY (key);
ALTER TABLE ONLY public.revision
    ADD CONSTRAINT pk_revision PRIMARY KEY (name);
ALTER TABLE ONLY public.setting
    ADD CONSTRAINT pk_setting PRIMARY KEY (id);
ALTER TABLE ONLY public.source
    ADD CONSTRAINT pk_source PRIMARY KEY (id);
ALTER TABLE ONLY public.source_file
    ADD CONSTRAINT pk_source_file PRIMARY KEY (source_id, path);
ALTER TABLE ONLY public.specification
    ADD CONSTRAINT pk_specification PRIMARY KEY (id);
ALTER TABLE ONLY public.submission
    ADD CONSTRAINT pk_submission PRIMARY KEY (id);
ALTER TABLE ONLY public.token
    ADD CONSTRAINT pk_token PRIMARY KEY (id);
ALTER TABLE ONLY public.worker
    ADD CONSTRAINT pk_worker PRIMARY KEY (id);
ALTER TABLE ONLY public.schema_version
    ADD CONSTRAINT schema_version_pkc PRIMARY KEY (version_num);
CREATE INDEX answer_build ON public.answer USING btree (build_id);
CREATE INDEX build_admitted ON public.build USING btree (namespace_id) WHERE ((status = ANY (ARRAY['QUEUED'::text, 'BUILDING'::text])) AND (admitted_on IS NOT NULL));
CREATE UNIQUE INDEX build_artifact_build ON public.build_artifact USING btree (build_id, artifact_type, key);
CREATE INDEX build_artifact_key ON public.build_artifact USING btree (key);
CREATE INDEX build_done_key ON public.build USING btree (key) WHERE ((status = 'COMPLETED'::text) AND (deleted_on IS NULL));
CREATE INDEX build_ended ON public.build USING btree (ended_on, id) WHERE (deleted_on IS NULL);
CREATE INDEX build_ended_in ON public.build USING btree (namespace_id, ended_on, id) WHERE (deleted_on IS NULL);
CREATE UNIQUE INDEX build_live_key ON public.build USING btree (key) WHERE (status = ANY (ARRAY['QUEUED'::text, 'BUILDING'::text]));
CREATE INDEX build_of_environment ON public.build USING btree (environment_id, id) WHERE (deleted_on IS NULL);
CREATE INDEX build_of_namespace ON public.build USING btree (namespace_id, id) WHERE (deleted_on IS NULL);
CREATE INDEX build_of_status ON public.build USING btree (status, namespace_id, id) WHERE (deleted_on IS NULL);
CREATE INDEX build_of_store ON public.build USING btree (store_key, id) WHERE (store_key IS NOT NULL);
CREATE INDEX build_package_package ON public.build_package USING btree (package_id, build_id);
CREATE INDEX build_part_part ON public.build_part USING btree (part_id, build_id);
CREATE INDEX build_started ON public.build USING btree (started_on, id) WHERE (deleted_on IS NULL);
CREATE INDEX build_started_in ON public.build USING btree (namespace_id, started_on, id) WHERE (deleted_on IS NULL);
CREATE INDEX build_waiting ON public.build USING btree (namespace_id, priority DESC, id) WHERE ((status = 'QUEUED'::text) AND (admitted_on IS NULL));
CREATE UNIQUE INDEX channel_name ON public.channel USING btree (name);
CREATE INDEX environment_by_name ON public.environment USING btree (name, namespace) WHERE (deleted_on IS NULL);
CREATE INDEX environment_in ON public.environment USING btree (namespace_id, name) WHERE (deleted_on IS NULL);
CREATE UNIQUE INDEX environment_name ON public.environment USING btree (namespace, name) WHERE (deleted_on IS NULL);
CREATE INDEX environment_search ON public.environment USING gin ((((namespace || '/'::text) || name)) public.gin_trgm_ops) WHERE (deleted_on IS NULL);
CREATE INDEX event_of_names ON public.event USING btree (id) WHERE (kind = ANY (ARRAY['environment.created'::text, 'environment.deleted'::text]));
CREATE UNIQUE INDEX log_chunk_start ON public.log_chunk USING btree (build_id, start);
CREATE UNIQUE INDEX namespace_name ON public.namespace USING btree (name) WHERE (deleted_on IS NULL);
CREATE INDEX namespace_part_part ON public.namespace_part USING btree (part_id, namespace_id);
CREATE UNIQUE INDEX namespace_role_entity ON public.namespace_role USING btree (namespace_id, entity);
CREATE INDEX package_by_name ON public.package USING btree (name);
CREATE UNIQUE INDEX package_name ON public.package USING btree (channel_id, name, version, build);
CREATE UNIQUE INDEX part_sha256 ON public.part USING btree (sha256);
CREATE UNIQUE INDEX setting_name ON public.setting USING btree (namespace_id, environment_id, name);
CREATE UNIQUE INDEX source_location ON public.source USING btree (namespace_id, kind, location);
CREATE UNIQUE INDEX specification_sha256 ON public.specification USING btree (sha256);
CREATE INDEX submission_build ON public.submission USING btree (build_id);
CREATE UNIQUE INDEX token_sha256 ON public.token USING btree (sha256);
CREATE INDEX worker_state ON public.worker USING btree (state, seen_on);
ALTER TABLE ONLY public.answer
    ADD CONSTRAINT fk_answer_build_id FOREIGN KEY (build_id) REFERENCES public.build(id);
ALTER TABLE ONLY public.build_artifact
    ADD CONSTRAINT fk_build_artifact_build_id FOREIGN KEY (build_id) REFERENCES public.build(id);
ALTER TABLE ONLY public.build
    ADD CONSTRAINT fk_build_environment_id FOREIGN KEY (environment_id) REFERENCES public.environment(id);
ALTER TABLE ONLY public.build
    ADD CONSTRAINT fk_build_namespace_id FOREIGN KEY (namespace_id) REFERENCES public.namespace(id);
ALTER TABLE ONLY public.build_package
    ADD CONSTRAINT fk_build_package_build_id FOREIGN KEY (build_id) REFERENCES public.build(id);
ALTER TABLE ONLY public.build_package
    ADD CONSTRAINT fk_build_package_package_id FOREIGN KEY (package_id) REFERENCES public.package(id);
ALTER TABLE ONLY public.build_part
    ADD CONSTRAINT fk_build_part_build_id FOREIGN KEY (build_id) REFERENCES public.build(id);
ALTER TABLE ONLY public.build_part
    ADD CONSTRAINT fk_build_part_part_id FOREIGN KEY (part_id) REFERENCES public.part(id);
ALTER TABLE ONLY public.build
    ADD CONSTRAINT fk_build_specification_id FOREIGN KEY (specification_id) REFERENCES public.specification(id);
ALTER TABLE ONLY public.build
    ADD CONSTRAINT fk_build_worker_id FOREIGN KEY (worker_id) REFERENCES public.worker(id);
ALTER TABLE ONLY public.counter
    ADD CONSTRAINT fk_counter_namespace_id FOREIGN KEY (namespace_id) REFERENCES public.namespace(id);
ALTER TABLE ONLY public.environment
    ADD CONSTRAINT fk_environment_namespace_id FOREIGN KEY (namespace_id) REFERENCES public.namespace(id);
ALTER TABLE ONLY public.log_chunk
    ADD CONSTRAINT fk_log_chunk_build_id FOREIGN KEY (build_id) REFERENCES public.build(id);
ALTER TABLE ONLY public.namespace_part
    ADD CONSTRAINT fk_namespace_part_namespace_id FOREIGN KEY (namespace_id) REFERENCES public.namespace(id);
ALTER TABLE ONLY public.namespace_part
    ADD CONSTRAINT fk_namespace_part_part_id FOREIGN KEY (part_id) REFERENCES public.part(id);
ALTER TABLE ONLY public.namespace_role
    ADD CONSTRAINT fk_namespace_role_namespace_id FOREIGN KEY (namespace_id) REFERENCES public.namespace(id);
ALTER TABLE ONLY public.package
    ADD CONSTRAINT fk_package_channel_id FOREIGN KEY (channel_id) REFERENCES public.channel(id);
ALTER TABLE ONLY public.source_file
    ADD CONSTRAINT fk_source_file_source_id FOREIGN KEY (source_id) REFERENCES public.source(id);
ALTER TABLE ONLY public.source
    ADD CONSTRAINT fk_source_namespace_id FOREIGN KEY (namespace_id) REFERENCES public.namespace(id);
ALTER TABLE ONLY public.submission
    ADD CONSTRAINT fk_submission_build_id FOREIGN KEY (build_id) REFERENCES public.build(id);
