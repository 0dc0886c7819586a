// What the tests of the pages share: servers on free ports of the loopback address, and Chromium.
//
// Nothing is timed: waits end with what they wait for, after minutes at the latest. Debian's Chromium, Redis and the
// packages of package-lock.json are needed; without one of them the test is skipped (exit 77), or fails if
// DROVER_REQUIRE_SERVICES is set.
'use strict';

const { spawn } = require('node:child_process');
const crypto = require('node:crypto');
const fs = require('node:fs');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');

const source = path.resolve(__dirname, '../..');
const packages = (name) => path.join(source, 'build/npm', name, 'node_modules');
const patience = 120000;
const token = 'drv_browser_0123456789abcdefghijklmnop';

function missing(what) {
  console.error(`${what} is missing; ./dev test installs it`);
  process.exit(process.env.DROVER_REQUIRE_SERVICES ? 1 : 77);
}

function programOf(name) {
  const folders = [...(process.env.PATH ?? '').split(':'), '/usr/sbin', '/usr/local/sbin'];
  const found = folders.map((folder) => path.join(folder, name)).find((file) => fs.existsSync(file));
  return found ?? missing(name);
}

function packageOf(folder, name) {
  const found = path.join(packages(folder), name);
  return fs.existsSync(found) ? found : missing(`the npm package ${name}`);
}

const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'drover-browser-'));
const children = [];

function stopAll() {
  for (const child of children) child.kill('SIGKILL');
  fs.rmSync(scratch, { recursive: true, force: true });
}
process.on('exit', stopAll);
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1));

/** Starts a program. Resolves with the match of `ready` in its output. */
function start(program, args, ready) {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], cwd: scratch });
  children.push(child);
  return new Promise((resolve, reject) => {
    let output = '';
    const onData = (data) => {
      output += data;
      const match = output.match(ready);
      if (match) resolve(match);
    };
    child.stdout.on('data', onData);
    child.stderr.on('data', onData);
    child.on('exit', (code) => reject(new Error(`${program} ended with ${code}:\n${output}`)));
  });
}

function freePort() {
  return new Promise((resolve, reject) => {
    const server = net.createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** Returns the port of a fresh Redis. */
async function startRedis() {
  const port = await freePort();
  await start(programOf('redis-server'), ['--port', String(port), '--bind', '127.0.0.1', '--save', ''], /Ready to accept/);
  return port;
}

/** Starts a process of Drover with these settings. Returns the URL of its front. */
async function startDrover(buildFolder, redisPort, settings) {
  const line = (name, text, scopes) =>
    `${name} ${crypto.createHash('sha256').update(text).digest('hex')} ${scopes}\n`;
  const tokens = path.join(scratch, 'tokens');
  fs.writeFileSync(tokens, line('ann', token, 'read operate destroy add:*') + line('bob', `${token}-reader`, 'read'),
    { mode: 0o600 });
  const all = {
    'redis.port': redisPort,
    'plugins.dir': path.join(buildFolder, 'plugins'),
    'api.port': 0,
    'api.healthPort': 0,
    'api.tokens.file': tokens,
    'control.socket': path.join(scratch, 'control.sock'),
    ...settings,
  };
  const sets = Object.entries(all).flatMap(([key, value]) => ['--set', `${key}=${value}`]);
  const [, url] = await start(path.join(buildFolder, 'engine/drover'), ['run', ...sets],
    /listening on (http:\/\/127\.0\.0\.1:\d+)/);
  return url;
}

/**
 * Opens a page that notes all that must not happen: errors of scripts, refusals of the browser's policies, requests to
 * other hosts. `trouble` has them.
 */
async function openBrowser() {
  const { chromium } = require(packageOf('browser', 'playwright-core'));
  const browser = await chromium.launch({
    executablePath: programOf('chromium'),
    args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
  });
  process.on('exit', () => browser.close().catch(() => {}));
  return browser;
}

async function openPage(browser, url, { password = token, ...options } = {}) {
  const context = await browser.newContext({
    httpCredentials: { username: 'any', password },
    viewport: { width: 1280, height: 900 },
    locale: 'en-US',
    ...options,
  });
  const page = await context.newPage();
  page.setDefaultTimeout(patience);
  page.trouble = [];
  page.on('console', (message) => {
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) page.trouble.push(message.text());
  });
  page.on('response', (response) => {
    // The page of a job that has been removed reads it once more.
    const gone = response.status() === 404 && /\/api\/queues\/[^/]+\/[^/]+/.test(response.url());
    if (response.status() >= 400 && response.status() !== 401 && !gone) {
      page.trouble.push(`${response.status()} for ${response.url()}`);
    }
  });
  page.on('pageerror', (error) => page.trouble.push(String(error)));
  page.on('request', (request) => {
    const other = !request.url().startsWith(url) && !/^(data|blob):/.test(request.url());
    if (other) page.trouble.push(`a request to ${request.url()}`);
  });
  return page;
}

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Waits until `condition` returns something true, and returns it. */
async function until(what, condition) {
  const end = Date.now() + patience;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > end) throw new Error(`not within ${patience / 1000} s: ${what}`);
    await sleep(50);
  }
}

/** Runs a test to its end. */
function main(test) {
  test().then(
    () => process.exit(0),
    (error) => {
      console.error(error);
      process.exit(1);
    });
}

module.exports = { main, openBrowser, openPage, packageOf, packages, startDrover, startRedis, token, until };
