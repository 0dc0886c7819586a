// BullMQ on a cluster or behind sentinels: node topology.cjs PORT cluster|sentinel PREFIX COUNT
//
// PORT: of one node, or of one sentinel. Adds COUNT jobs to the queue "ours", where Drover works, and works COUNT jobs of the
// queue "theirs", where Drover has added them. Prints how many of each have ended.
'use strict';

const { Queue, Worker } = require('bullmq-6.7.0');
const IORedis = require('ioredis');

const [port, kind, prefix, count] = process.argv.slice(2);
const address = { host: '127.0.0.1', port: Number(port) };
const connect = () =>
  kind === 'cluster'
    ? new IORedis.Cluster([address], { redisOptions: { maxRetriesPerRequest: null } })
    : new IORedis({ sentinels: [address], name: 'mymaster', maxRetriesPerRequest: null });

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function main() {
  const queue = new Queue('ours', { connection: connect(), prefix });
  for (let i = 0; i < Number(count); ++i) await queue.add('work', { i });
  let worked = 0;
  const worker = new Worker('theirs', async (job) => ++worked && job.data, { connection: connect(), prefix });
  let ours = 0;
  let theirs = 0;
  const other = new Queue('theirs', { connection: connect(), prefix });
  for (const end = Date.now() + 50000; Date.now() < end && (ours < count || theirs < count); await sleep(20)) {
    ours = await queue.getCompletedCount();
    theirs = await other.getCompletedCount();
  }
  console.log(`${ours} ended by Drover, ${theirs} by BullMQ, which ran ${worked}`);
  process.exit(0);
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
