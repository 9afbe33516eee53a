#!/usr/bin/env node
// The command `remix-app`: serves what `npm run build` made.

import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { createServer } from "node:http";
import { dirname, extname, join, normalize, resolve, sep } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { pathToFileURL, fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const HERE = dirname(dirname(fileURLToPath(import.meta.url)));
const MOST_BYTES = 100_000;
const USAGE = "remix-app run [--host HOST] [--port PORT] [--data JSON] [--notes FILE]";
const TYPES = {
  ".css": "text/css; charset=utf-8",
  ".ico": "image/x-icon",
  ".js": "text/javascript; charset=utf-8",
  ".json": "application/json",
  ".svg": "image/svg+xml",
};

class Refused extends Error {}

function options() {
  let parsed;
  try {
    parsed = parseArgs({
      allowPositionals: true,
      options: {
        host: { type: "string", default: process.env.HOST || "127.0.0.1" },
        port: { type: "string", default: process.env.PORT || "3000" },
        data: { type: "string", default: process.env.DATA_FILE || join(HERE, "data", "earthquakes.json") },
        notes: { type: "string", default: process.env.NOTES_FILE || "notes.jsonl" },
        help: { type: "boolean", short: "h" },
      },
    });
  } catch (error) {
    throw new Refused(`${error.message} Expected: ${USAGE}`);
  }
  const { values, positionals } = parsed;
  if (values.help) {
    console.log(`usage: ${USAGE}`);
    process.exit(0);
  }
  if (positionals.length !== 1 || positionals[0] !== "run") {
    throw new Refused(`Not a command. Expected: ${USAGE}`);
  }
  if (!/^\d{1,5}$/.test(values.port) || Number(values.port) > 65535) {
    throw new Refused(`The port is ${JSON.stringify(values.port)}. Expected: a number from 0 to 65535.`);
  }
  return values;
}

/** Sends a file of the build; false where there is none of that name. */
async function sendFile(path, incoming, outgoing) {
  const files = join(HERE, "build", "client");
  const file = normalize(join(files, path));
  if (!file.startsWith(files + sep) || !(extname(file) in TYPES)) return false;
  const found = await stat(file).catch(() => null);
  if (!found?.isFile()) return false;
  // Files in `assets` bear a hash of their content in their names.
  const age = path.startsWith("/assets/") ? "public, max-age=31536000, immutable" : "no-cache";
  outgoing.writeHead(200, {
    "Content-Type": TYPES[extname(file)],
    "Content-Length": found.size,
    "Cache-Control": age,
    "X-Content-Type-Options": "nosniff",
  });
  if (incoming.method === "HEAD") outgoing.end();
  else await pipeline(createReadStream(file), outgoing);
  return true;
}

/** Gives the request's body, or null where it is too large. */
async function bodyOf(incoming) {
  const parts = [];
  let length = 0;
  for await (const part of incoming) {
    length += part.length;
    if (length > MOST_BYTES) return null;
    parts.push(part);
  }
  return Buffer.concat(parts);
}

function refuse(outgoing, status, text) {
  outgoing.writeHead(status, { "Content-Type": "text/plain", Connection: "close" });
  outgoing.end(text);
}

/** Hands requests to the app, but those for files of the build. */
function answerer(handle) {
  return async (incoming, outgoing) => {
    let address, path;
    try {
      if (!incoming.url.startsWith("/")) throw new Error("another form than a path");
      // Not relative to the host: "//other/" would name another one.
      address = new URL(`http://${incoming.headers.host ?? "localhost"}${incoming.url}`);
      path = decodeURIComponent(address.pathname);
    } catch {
      refuse(outgoing, 400, "Not an address. Expected: http://HOST/PATH, encoded as %XX.");
      return;
    }
    const reading = incoming.method === "GET" || incoming.method === "HEAD";
    if (reading && (await sendFile(path, incoming, outgoing))) return;
    const body = reading ? undefined : await bodyOf(incoming);
    if (body === null) {
      refuse(outgoing, 413, `Too large. Expected: at most ${MOST_BYTES} bytes.`);
      return;
    }
    const headers = new Headers();
    for (const [name, value] of Object.entries(incoming.headersDistinct)) {
      if (!name.startsWith(":")) for (const one of value ?? []) headers.append(name, one);
    }
    const answer = await handle(new Request(address, { method: incoming.method, headers, body }));
    outgoing.writeHead(answer.status, [...answer.headers].flat());
    if (answer.body && incoming.method !== "HEAD") await pipeline(Readable.fromWeb(answer.body), outgoing);
    else outgoing.end();
  };
}

async function main() {
  const { host, port, data, notes } = options();
  process.env.NODE_ENV ??= "production";
  process.env.DATA_FILE = resolve(data);
  process.env.NOTES_FILE = resolve(notes);
  const { createRequestHandler } = await import("react-router");
  const build = await import(pathToFileURL(join(HERE, "build", "server", "index.js")).href).catch(() => {
    throw new Refused("There is no build. Expected: `npm run build` was run.");
  });
  const handle = createRequestHandler(build, "production");
  const health = await (await handle(new Request("http://localhost/health"))).json();
  if (health.error) throw new Refused(health.error);
  const answer = answerer(handle);
  const server = createServer({ requestTimeout: 30_000 }, (incoming, outgoing) => {
    answer(incoming, outgoing).catch(() => {
      if (!outgoing.headersSent) outgoing.writeHead(500);
      outgoing.end();
    });
  });
  // The first process of a container is not ended by a signal that it does not handle.
  for (const signal of ["SIGINT", "SIGTERM"]) {
    process.on(signal, () => {
      server.close(() => process.exit(0));
      server.closeIdleConnections();
      setTimeout(() => process.exit(0), 5_000).unref();
    });
  }
  await new Promise((listening, failed) => {
    server.once("error", (error) => {
      failed(new Refused(`Cannot listen on ${host}:${port}: ${error.code}. Expected: a free port.`));
    });
    server.listen(Number(port), host, listening);
  });
  console.log(`http://${host}:${server.address().port}`);
}

main().catch((error) => {
  console.error(`remix-app: ${error instanceof Refused ? error.message : error.stack}`);
  process.exit(error instanceof Refused ? 2 : 1);
});
