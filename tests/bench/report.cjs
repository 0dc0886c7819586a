// node report.cjs MEASUREMENTS JSON_FILE: medians, ratios and bounds of lines "<name> <value> <unit>". Absolute figures depend on the
// machine and its mood; only ratios of one run are claimed. Bounds of times and of memory are for two cores.
'use strict';
const fs = require('node:fs');
const os = require('node:os');

const [measurements, output] = process.argv.slice(2);
const values = {};
const units = {};
for (const line of fs.readFileSync(measurements, 'utf8').trim().split('\n')) {
  const [name, value, unit] = line.split(' ');
  (values[name] ??= []).push(Number(value));
  units[name] = unit;
}

function median(list) {
  const sorted = [...list].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

const medians = Object.fromEntries(Object.entries(values).map(([part, list]) => [part, median(list)]));
const best = Math.max(medians.bullmq_noop_50 ?? 0, medians.bullmq_noop_200 ?? 0);
if (best) medians.bullmq_noop_best = best;

// The measurements, their reference, which is a measurement, a number or nothing, and the bound that the project requires (none: for
// information).
const checks = [
  ['empty handler / BullMQ at its best concurrency', 'drover_noop', 'bullmq_noop_best', { atLeast: 2.5 }],
  ['empty handler / batched scripts', 'drover_noop', 'script_jobs', { atLeast: 0.6 }],
  ['empty handler in a process / in a thread', 'drover_noop_process', 'drover_noop', {}],
  ['trees of 1,000 children / BullMQ', 'drover_flow', 'bullmq_flow', { atLeast: 3 }],
  ['POST, 32 connections / NestJS', 'drover_post', 'nest_post', { atLeast: 8 }],
  ['POST, 32 connections / empty answer of the HTTP server', 'drover_post', 'http_empty', { atLeast: 0.5 }],
  ['POST over TLS, 32 connections / without TLS', 'drover_tls', 'drover_post', {}],
  ['processor time of a POST in the producer, us', 'drover_post_producer', null, { atMost: 20 }],
  ['processor time of a POST in Redis, us', 'drover_post_redis', null, { atMost: 14 }],
  ['128 clients thinking 15 ms / thinking alone', 'drover_think_128', 128 / 0.015, { atLeast: 0.9 }],
  ['1,024 clients thinking 150 ms / thinking alone', 'drover_think_1024', 1024 / 0.15, { atLeast: 0.9 }],
  ['128 clients thinking 7.5 to 22.5 ms / thinking alone', 'drover_think_varied', 128 / 0.015, {}],
  ['128 clients thinking 15 ms, NestJS / thinking alone', 'nest_think_128', 128 / 0.015, {}],
  ['1,024 clients thinking 150 ms, NestJS / thinking alone', 'nest_think_1024', 1024 / 0.15, {}],
  ['POST beside 10,000 idle connections, 1,000 streams / alone', 'drover_post_beside', 'drover_post_alone', { atLeast: 0.9 }],
  ['memory of the producer there, MiB', 'drover_beside_memory', null, { atMost: 100 }],
  ['p99 from POST to row at half of the capacity, ms', 'drover_row_p99', null, { atMost: 20 }],
  ['addBulk / addBulk of BullMQ', 'drover_add_bulk', 'bullmq_add_bulk', { atLeast: 5 }],
  ['single adds of 32 threads / of BullMQ, 1,000 under way', 'drover_add_single', 'bullmq_add_single', { atLeast: 3 }],
  ['single adds of 32 threads / of BullMQ, 32 under way', 'drover_add_single', 'bullmq_add_single_32', {}],
  ['one body of lines over HTTP / addBulk', 'drover_ndjson', 'drover_add_bulk', {}],
  ['drain / original logic', 'drover_drain', 'nest_drain_seed', { atLeast: 10 }],
  ['drain / single insert', 'drover_drain', 'nest_drain_insert', { atLeast: 3 }],
  ['drain / the SQL function alone', 'drover_drain', 'sql_reserve', {}],
  ['Redis\'s processor time of an add, four shards / one queue', 'drover_shards_4_add_redis', 'drover_shards_1_add_redis', { atMost: 1.1 }],
  ['Redis\'s processor time of an empty job, four shards / one queue', 'drover_shards_4_work_redis', 'drover_shards_1_work_redis', { atMost: 1.1 }],
  ['POST with 1 % of traces / without', 'drover_trace_on_post', 'drover_trace_off_post', { atLeast: 0.97 }],
  ['POST with 1 % of traces, no context for the rest / without', 'drover_trace_lean_post', 'drover_trace_off_post', { atLeast: 0.97 }],
  ['empty jobs with 1 % of traces / without', 'drover_trace_on_noop', 'drover_trace_off_noop', { atLeast: 0.97 }],
  ['a scrape of 1,000 queues, ms', 'drover_metrics', null, { atMost: 100 }],
  ['wrong tokens refused, 10,000 a second', 'drover_tokens_refused', 10000, { atLeast: 1 }],
  ['answered requests with the right token beside them / sent', 'drover_tokens_served', 100, { atLeast: 0.99 }],
].map(([name, measurement, reference, { atLeast = null, atMost = null }]) => {
  const divisor = reference === null ? 1 : (medians[reference] ?? reference);
  const known = medians[measurement] !== undefined && typeof divisor === 'number';
  const value = known ? medians[measurement] / divisor : null;
  const bounded = known && (atLeast !== null || atMost !== null);
  const met = bounded ? (atLeast === null || value >= atLeast) && (atMost === null || value <= atMost) : null;
  return { name, measurement, reference, value, atLeast, atMost, met };
});

console.log('\nmedian (lowest to highest, how many)');
for (const [name, list] of Object.entries(values)) {
  const text = (value) => (units[name] === '/s' ? String(Math.round(value)) : value.toFixed(1));
  const range = `${text(Math.min(...list))} to ${text(Math.max(...list))}, ${list.length}`;
  console.log(`  ${name.padEnd(30)}${text(medians[name]).padStart(9)} ${units[name].padEnd(4)} (${range})`);
}
console.log('\nratios and bounds');
for (const { name, value, atLeast, atMost, met } of checks) {
  const bound = atLeast !== null ? `  at least ${atLeast}` : atMost !== null ? `  at most ${atMost}` : '';
  const verdict = met === null ? '' : met ? ', met' : ', MISSED';
  console.log(`  ${name.padEnd(60)}${(value === null ? 'not measured' : value.toFixed(2)).padStart(12)}${bound}${verdict}`);
}
const machine = { cpu: os.cpus()[0]?.model, cores: os.cpus().length, node: process.versions.node };
fs.writeFileSync(output, `${JSON.stringify({ when: new Date().toISOString(), machine, units, medians, checks, values }, null, 2)}\n`);
console.log(`\nwritten to ${output}`);
