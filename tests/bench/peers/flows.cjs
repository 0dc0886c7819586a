// Adds trees of jobs as FlowLoad.cpp does: TREES CHILDREN, with REDIS_PORT. Prints {"jobsPerSecond": …}.
'use strict';
const { FlowProducer } = require('bullmq');

const [trees, children] = process.argv.slice(2).map(Number);
const producer = new FlowProducer({ connection: { host: '127.0.0.1', port: Number(process.env.REDIS_PORT) } });

async function main() {
  await producer.waitUntilReady();
  const start = process.hrtime.bigint();
  for (let tree = 0; tree < trees; ++tree) {
    await producer.add({
      name: 'sum', queueName: 'sums',
      children: Array.from({ length: children }, (_, child) =>
        ({ name: 'part', queueName: 'parts', data: { userId: child, eventId: 1 }, opts: { attempts: 3 } })),
    });
  }
  const seconds = Number(process.hrtime.bigint() - start) / 1e9;
  console.log(JSON.stringify({ jobsPerSecond: Math.round((trees * (children + 1)) / seconds) }));
  await producer.close();
}

main().catch((error) => { console.error(`flows.cjs: ${error.message}`); process.exit(1); });
