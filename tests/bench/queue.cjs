// Fills and times a queue, in the same way for every worker that is measured. REDIS_PORT.
//   node queue.cjs fill QUEUE JOB N EVENTS   pauses the queue and adds N jobs {userId: 1..N, eventId: 1..EVENTS}
//   node queue.cjs time QUEUE N              resumes it and prints jobs per second from there until none is left
//   node queue.cjs fill-many NAME QUEUES N     adds N jobs to each of the queues NAME-1 to NAME-QUEUES
'use strict';
const { Queue } = require('bullmq');

const [action, name, ...rest] = process.argv.slice(2);
const queue = new Queue(name, { connection: { host: '127.0.0.1', port: Number(process.env.REDIS_PORT) } });
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function fill(jobName, count, events) {
  const opts = { removeOnComplete: true, removeOnFail: true };
  await queue.pause();
  for (let n = 0; n < count;) {
    const size = Math.min(1000, count - n);
    await queue.addBulk(Array.from({ length: size }, () => {
      n += 1;
      return { name: jobName, data: { userId: n, eventId: (n % events) + 1 }, opts };
    }));
  }
}

async function fillMany(queues, count) {
  for (let i = 1; i <= queues; ++i) {
    const one = new Queue(`${name}-${i}`, { connection: queue.opts.connection });
    await one.addBulk(Array.from({ length: count }, () => ({ name: 'job', data: {} })));
    await one.close();
  }
}

async function time(count) {
  const deadline = Date.now() + 180000;
  const start = process.hrtime.bigint();
  await queue.resume();
  for (;;) {
    const { waiting, active, delayed, failed } = await queue.getJobCounts('waiting', 'active', 'delayed', 'failed');
    if (failed > 0) throw new Error(`${failed} jobs failed`);
    if (waiting + active + delayed === 0) break;
    if (Date.now() > deadline) throw new Error(`${waiting} waiting, ${active} active after 180 s`);
    await sleep(20);
  }
  console.log(Math.round(count / (Number(process.hrtime.bigint() - start) / 1e9)));
}

const actions = {
  fill: () => fill(rest[0], Number(rest[1]), Number(rest[2])),
  'fill-many': () => fillMany(Number(rest[0]), Number(rest[1])),
  time: () => time(Number(rest[0])),
};
actions[action]()
  .then(() => queue.close())
  .catch((error) => { console.error(`queue.cjs: ${error.message}`); process.exit(1); });
