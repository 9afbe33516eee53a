import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";

const COMMAND = "bin/remix-app.mjs";
const directory = mkdtempSync(join(tmpdir(), "command-"));
const server = spawn(process.execPath, [COMMAND, "run"], {
  env: { ...process.env, NODE_ENV: "production", PORT: "0", NOTES_FILE: join(directory, "notes.jsonl") },
});
let out = "";
let errors = "";
let address = "";
server.stdout.on("data", (part) => (out += part));
server.stderr.on("data", (part) => (errors += part));

beforeAll(async () => {
  while (!out.includes("\n")) {
    await Promise.race([once(server.stdout, "data"), once(server, "exit")]);
    if (server.exitCode !== null) throw new Error(errors);
  }
  address = out.trim();
}, 60_000);

afterAll(async () => {
  const ended = once(server, "close");
  server.kill("SIGTERM");
  expect(await ended).toEqual([0, null]);
  expect([out, errors]).toEqual([`${address}\n`, ""]);
  rmSync(directory, { recursive: true });
});

const exchange = async (text: string) => {
  const { hostname, port } = new URL(address);
  const socket = connect(Number(port), hostname);
  socket.write(text);
  let answer = "";
  for await (const part of socket) answer += part;
  return answer;
};

test("pages are rendered by the server, and know notes at once", async () => {
  const page = await (await fetch(`${address}/?least=6`)).text();
  expect(page).toContain("22km NNE of Hualian, Taiwan");
  const body = new URLSearchParams({ id: "us1000chhc", text: "<b>felt</b>" });
  const answer = await fetch(`${address}/?index&least=6`, { method: "POST", body });
  expect(answer.status).toBe(201);
  expect(await answer.text()).toContain("&lt;b&gt;felt&lt;/b&gt;");
});

test("it says that it is well", async () => {
  expect(await (await fetch(`${address}/health`)).json()).toEqual({ status: "ok", earthquakes: 128 });
});

test("files of the build are sent, others are not", async () => {
  const page = await (await fetch(address)).text();
  const script = /\/assets\/root-[^"]+\.js/.exec(page)![0];
  const answer = await fetch(address + script);
  expect(answer.headers.get("content-type")).toContain("text/javascript");
  expect(answer.headers.get("cache-control")).toContain("immutable");
  for (const path of ["/../server/index.js", "/..%2fserver%2findex.js", "/assets/%00.js", "/package.json"]) {
    const told = await exchange(`GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
    expect(told).toMatch(/^HTTP\/1.1 404/);
  }
});

test("what cannot be used is refused with what is expected", async () => {
  const wrong = await fetch(`${address}/?order=size`);
  expect(wrong.status).toBe(400);
  expect(await wrong.text()).toContain("Expected: least (a magnitude");
  const large = await fetch(address, { method: "POST", body: "x".repeat(100_001) });
  expect(large.status).toBe(413);
  expect(await large.text()).toContain("Expected: at most 100000 bytes");
  for (const target of ["/%zz", "http://b/"]) {
    const told = await exchange(`GET ${target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
    expect(told).toMatch(/^HTTP\/1.1 400/);
  }
  expect((await fetch(`${address}/absent`)).status).toBe(404);
});

test.each([
  [[]],
  [["dance"]],
  [["run", "--port", "http"]],
  [["run", "--port", "65536"]],
  [["run", "--host", "256.0.0.1"]],
  [["run", "--colour"]],
  [["run", "--data", "absent.json"]],
  [["run", "--data", join(directory, "bad.json")]],
])("%j is one line that says what is expected", (words: string[]) => {
  writeFileSync(join(directory, "bad.json"), '[{"id": "a"}]');
  const ran = spawnSync(process.execPath, [COMMAND, ...words], {
    encoding: "utf8",
    timeout: 60_000,
    env: { ...process.env, PORT: "0" },
  });
  expect([ran.status, ran.stdout]).toEqual([2, ""]);
  expect(ran.stderr).toMatch(/^remix-app: .*Expected: .*\n$/);
});
