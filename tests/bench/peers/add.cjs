// BullMQ's producer: node add.cjs bulk|single QUEUE N [UNDER_WAY] (REDIS_PORT). Prints adds per second of small jobs: in bulks of 1,000, or
// as single adds of which UNDER_WAY are under way (1,000), which travel together as one pipeline. Slower with fewer: a client waits for
// its replies.
'use strict';
const { Queue } = require('bullmq');

const [way, name, total, underWay = '1000'] = process.argv.slice(2);
const count = Number(total);
const queue = new Queue(name, { connection: { host: '127.0.0.1', port: Number(process.env.REDIS_PORT) } });
const job = (n) => ({ name: 'mail', data: { userId: n, eventId: (n % 100) + 1 }, opts: { removeOnComplete: true, removeOnFail: true } });

async function bulk() {
  for (let n = 0; n < count; n += 1000) {
    await queue.addBulk(Array.from({ length: Math.min(1000, count - n) }, (_, i) => job(n + i)));
  }
}

async function single() {
  let next = 0;
  await Promise.all(Array.from({ length: Number(underWay) }, async () => {
    while (next < count) {
      const { name: jobName, data, opts } = job(next++);
      await queue.add(jobName, data, opts);
    }
  }));
}

(async () => {
  await queue.waitUntilReady();
  const start = process.hrtime.bigint();
  await (way === 'bulk' ? bulk() : single());
  const seconds = Number(process.hrtime.bigint() - start) / 1e9;
  const waiting = await queue.getWaitingCount();
  if (waiting !== count) throw new Error(`${waiting} jobs wait instead of ${count}`);
  console.log(Math.round(count / seconds));
  await queue.close();
})().catch((error) => { console.error(`add.cjs: ${error.message}`); process.exit(1); });
