// node report.cjs MEASUREMENTS JSON_FILE: medians and ratios of lines "<part> <value>". Absolute figures depend on the
// machine and its mood; only ratios of one run are claimed.
'use strict';
const fs = require('node:fs');
const os = require('node:os');

const [measurements, output] = process.argv.slice(2);
const values = {};
for (const line of fs.readFileSync(measurements, 'utf8').trim().split('\n')) {
  const [part, value] = line.split(' ');
  (values[part] ??= []).push(Number(value));
}

function median(list) {
  const sorted = [...list].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

const medians = Object.fromEntries(Object.entries(values).map(([part, list]) => [part, median(list)]));
const best = Math.max(medians.bullmq_noop_50 ?? 0, medians.bullmq_noop_200 ?? 0);
if (best) medians.bullmq_noop_best = best;

// The measurements, their reference, and the ratio that the project requires (none: for information).
const ratios = [
  ['empty handler / BullMQ at its best concurrency', 'drover_noop', 'bullmq_noop_best', 2.5],
  ['empty handler / batched scripts', 'drover_noop', 'script_jobs', 0.6],
  ['empty handler in a process / in a thread', 'drover_noop_process', 'drover_noop', null],
  ['POST, 32 connections / NestJS', 'drover_post', 'nest_post', 5],
  ['POST, 32 connections / empty answer of the HTTP server', 'drover_post', 'http_empty', null],
  ['drain / original logic', 'drover_drain', 'nest_drain_seed', 10],
  ['drain / single insert', 'drover_drain', 'nest_drain_insert', 3],
  ['drain / the SQL function alone', 'drover_drain', 'sql_reserve', null],
].map(([name, ours, theirs, target]) => {
  const known = medians[ours] !== undefined && medians[theirs] !== undefined;
  const ratio = known ? medians[ours] / medians[theirs] : null;
  return { name, ours, theirs, ratio, target, met: ratio === null || target === null ? null : ratio >= target };
});

console.log('\nper second, median (lowest to highest)');
for (const [part, list] of Object.entries(values)) {
  const range = `${Math.min(...list)} to ${Math.max(...list)}, ${list.length} turns`;
  console.log(`  ${part.padEnd(20)}${String(Math.round(medians[part])).padStart(9)}   (${range})`);
}
console.log('\nratios');
for (const { name, ratio, target, met } of ratios) {
  const goal = target === null ? '' : `  wanted ${target}${met === null ? '' : met ? ', met' : ', MISSED'}`;
  console.log(`  ${name.padEnd(58)}${(ratio === null ? 'not measured' : ratio.toFixed(2)).padStart(12)}${goal}`);
}
const machine = { cpu: os.cpus()[0]?.model, cores: os.cpus().length, node: process.versions.node };
fs.writeFileSync(output, `${JSON.stringify({ when: new Date().toISOString(), machine, medians, ratios, values }, null, 2)}\n`);
console.log(`\nwritten to ${output}`);
