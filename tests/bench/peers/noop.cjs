// BullMQ alone: a worker with an empty handler. node noop.cjs QUEUE CONCURRENCY (REDIS_PORT); ends by TERM.
'use strict';
const { Worker } = require('bullmq');

const [queue, concurrency] = process.argv.slice(2);
const connection = { host: '127.0.0.1', port: Number(process.env.REDIS_PORT) };
const worker = new Worker(queue, async () => {}, { connection, concurrency: Number(concurrency) });
worker.on('error', () => {});
worker.waitUntilReady().then(() => console.log('consuming'));
process.on('SIGTERM', () => worker.close().then(() => process.exit(0)));
