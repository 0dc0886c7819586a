// Measures how long a cancel takes to reach the handler that works on the job: p50, p99 and maximum in ms.
//   NODE_PATH=build/npm/nest/node_modules node tests/bench/cancel.cjs BINARY PLUGINS [N]
// BINARY: drover; PLUGINS: build/bench/plugins, made by ./dev bench; N: cancels for each line, 300. Starts a redis-server and a consumer of its own.
// "request": from the moment at which the request is sent to Redis, by the same script as the command's. "command": from the
// start of the process `drover job cancel`.
'use strict';
const { spawn, spawnSync } = require('child_process');
const fs = require('fs');
const net = require('net');
const os = require('os');
const path = require('path');
const { Queue } = require('bullmq');
const { Redis } = require('ioredis');

const [binary, folderOfPlugins, count = '300'] = process.argv.slice(2);
const script = fs.readFileSync(path.join(__dirname, '../../engine/lua/cancelJob-4.lua'), 'utf8');
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const nowUs = () => (performance.timeOrigin + performance.now()) * 1000;

const freePort = () => new Promise((resolve) => {
  const server = net.createServer().listen(0, '127.0.0.1', () => {
    const { port } = server.address();
    server.close(() => resolve(port));
  });
});

async function until(text, condition) {
  const deadline = Date.now() + 20000;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`${text}: not within 20 s`);
    await sleep(2);
  }
}

const end = (child) => new Promise((resolve) => {
  if (child.exitCode !== null) return resolve();
  child.once('exit', resolve);
  child.kill('SIGTERM');
});

function tell(what, isolation, times) {
  times.sort((a, b) => a - b);
  const at = (share) => times[Math.min(times.length - 1, Math.floor(times.length * share))].toFixed(1);
  console.log(`${what.padEnd(8)} isolation=${isolation.padEnd(8)} n=${times.length} p50=${at(0.5)} p99=${at(0.99)} ` +
    `max=${at(1)} ms`);
}

async function measure(port, isolation, folder) {
  const name = `cancelled-${isolation}`;
  const address = ['--set', `redis.port=${port}`, '--set', `queue.cancelled.name=${name}`];
  const consumer = spawn(binary, ['run', ...address, '--set', `plugins.dir=${path.resolve(folderOfPlugins)}`,
    '--set', 'plugins.load=cancelled', '--set', `plugin.cancelled.isolation=${isolation}`,
    '--set', `control.socket=${folder}/control.sock`],
  { stdio: ['ignore', 'ignore', fs.openSync(path.join(folder, `${name}.log`), 'w')] });
  const queue = new Queue(name, { connection: { host: '127.0.0.1', port } });
  const redis = new Redis({ host: '127.0.0.1', port });
  try {
    const qualified = `bull:${name}`;
    const cancels = {
      request: (id) => redis.eval(script, 4, `${qualified}:${id}`, `${qualified}:${id}:lock`,
        `${qualified}:drover:cancel`, `${qualified}:drover:cancels`, `${qualified}:`, id, 'measured'),
      command: (id) => {
        const done = spawnSync(binary, ['job', 'cancel', id, '--queue', name, '--reason', 'measured',
          '--set', `redis.port=${port}`]);
        if (done.status !== 0) throw new Error(`drover job cancel: ${done.stderr}`);
      },
    };
    for (const [what, cancel] of Object.entries(cancels)) {
      const times = [];
      for (let n = 0; n < Number(count); ++n) {
        const job = await queue.add('cancelled', {});
        await until('active', () => job.isActive());
        await sleep(5 + Math.random() * 30);
        const began = nowUs();
        await cancel(job.id);
        await until('completed', () => job.isCompleted());
        const { atUs, reason } = (await queue.getJob(job.id)).returnvalue;
        if (reason !== 'measured') throw new Error(`the handler was told '${reason}'`);
        times.push((atUs - began) / 1000);
      }
      tell(what, isolation, times);
    }
  } finally {
    redis.disconnect();
    await queue.close();
    await end(consumer);
  }
}

(async () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'drover-cancel-'));
  const port = await freePort();
  const redis = spawn('redis-server', ['--bind', '127.0.0.1', '--port', String(port), '--dir', folder, '--save', ''],
    { stdio: 'ignore' });
  try {
    await sleep(500);
    for (const isolation of ['thread', 'process']) await measure(port, isolation, folder);
  } finally {
    await end(redis);
  }
  fs.rmSync(folder, { recursive: true });
})().catch((error) => { console.error(`cancel.cjs: ${error.message}`); process.exit(1); });
