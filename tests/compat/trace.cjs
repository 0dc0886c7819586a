// A Node program with bullmq-otel: adds a job, and posts a request to Drover's route, in one span; works the queue that
// Drover's handler adds to. `node trace.cjs REDIS_PORT COLLECTOR_URL ROUTE_URL FIRST_QUEUE SECOND_QUEUE`
// Prints "added" when both are sent, and "worked" and the id of the trace at the end.
'use strict';
const { context, propagation, trace } = require('@opentelemetry/api');
const { OTLPTraceExporter } = require('@opentelemetry/exporter-trace-otlp-http');
const { Resource } = require('@opentelemetry/resources');
const { SimpleSpanProcessor } = require('@opentelemetry/sdk-trace-base');
const { NodeTracerProvider } = require('@opentelemetry/sdk-trace-node');
const { Queue, Worker } = require('bullmq-6.7.0');
const { BullMQOtel } = require('bullmq-otel');
const { prefix, redisAt } = require('../support/redis.cjs');

const [port, collector, route, first, second] = process.argv.slice(2);
const connection = redisAt(port, { maxRetriesPerRequest: null });
const telemetry = new BullMQOtel({ tracerName: 'shop' });

async function main() {
  const provider = new NodeTracerProvider({
    resource: new Resource({ 'service.name': 'node' }),
    spanProcessors: [new SimpleSpanProcessor(new OTLPTraceExporter({ url: collector }))],
  });
  provider.register();

  let left = 2;
  let worked;
  const allWorked = new Promise((resolve) => { worked = resolve; });
  const worker = new Worker(second, async () => 'sent', { connection, prefix, telemetry, name: 'mailer' });
  worker.on('error', () => {});
  worker.on('completed', () => { if (--left === 0) worked(); });

  const queue = new Queue(first, { connection, prefix, telemetry });
  const traceId = await trace.getTracer('shop').startActiveSpan('order', async (span) => {
    await queue.add('direct', { to: second });
    const headers = {};
    propagation.inject(context.active(), headers);
    const answer = await fetch(route, { method: 'POST', headers });
    if (answer.status !== 201) throw new Error(`the route answered ${answer.status}`);
    span.end();
    return span.spanContext().traceId;
  });
  console.log('added');
  await allWorked;
  await worker.close();
  await queue.close();
  await provider.forceFlush();
  await provider.shutdown();
  console.log(`worked ${traceId}`);
}

main().then(() => process.exit(0), (error) => {
  console.error(error);
  process.exit(1);
});
