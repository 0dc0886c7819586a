// Holds the column "Express with Nest" of docs/http.md to Nest and Express as tests/bench/peers/nest/package-lock.json names
// them: sends each request of the table to an application of theirs and compares the answer.
//   NODE_PATH=build/npm/nest/node_modules node tests/compat/http-nest.cjs
// Ends with 77 if they are not installed (./dev test and ./dev bench install them), unless DROVER_REQUIRE_SERVICES is set.
'use strict';
const fs = require('fs');
const net = require('net');
const path = require('path');
const zlib = require('zlib');

try {
  require('reflect-metadata');
} catch (error) {
  console.error('http-nest.cjs: Nest is not installed');
  process.exit(process.env.DROVER_REQUIRE_SERVICES ? 1 : 77);
}
const { Body, Controller, Get, Headers, Module, Param, ParseIntPipe, Post, Query } = require('@nestjs/common');
const { NestFactory } = require('@nestjs/core');

class Echo {
  path(a, b) { return { a, b }; }
  number(n) { return { n }; }
  text(t) { return { t }; }
  query(all) { return all; }
  // A tree is answered by its kind alone, since the way back has limits of its own.
  body(all) { return { is: all === undefined ? 'nothing' : Array.isArray(all) ? 'array' : all.x === Infinity ? 'infinity' : all }; }
  header(h) { return { h }; }
}
// The code that TypeScript makes of the decorators.
function route(name, verb, ...parameters) {
  const method = Object.getOwnPropertyDescriptor(Echo.prototype, name);
  parameters.forEach((parameter, index) => parameter(Echo.prototype, name, index));
  verb(Echo.prototype, name, method);
}
route('path', Get('book/:a/:b'), Param('a'), Param('b'));
route('number', Get('number/:n'), Param('n', ParseIntPipe));
route('text', Get('text/:t'), Param('t'));
route('query', Get('query'), Query());
route('body', Post('body'), Body());
route('header', Get('header'), Headers('x-name'));
Controller()(Echo);
class App {}
Module({ controllers: [Echo] })(App);

const get = (target, headers = '') => `GET ${target} HTTP/1.1\r\nHost: x\r\n${headers}Connection: close\r\n\r\n`;
const post = (body, headers = 'Content-Type: application/json\r\n') => Buffer.concat([
  Buffer.from(`POST /body HTTP/1.1\r\nHost: x\r\n${headers}Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n`),
  Buffer.from(body)]);
const encoded = (encoding, body) => post(body, `Content-Type: application/json\r\nContent-Encoding: ${encoding}\r\n`);
const typed = (type) => post('{"x":1}', `Content-Type: ${type}\r\n`);
const nested = (depth) => '['.repeat(depth) + ']'.repeat(depth);
const tree = (x) => ({ is: { x } });

// The beginning of a row's first cell, then requests with status and body; a body of undefined may be anything.
const rows = [
  ['`/book/1/2/`', [get('/book/1/2/'), 200, { a: '1', b: '2' }]],
  ['`/book//2`', [get('/book//2'), 404]],
  ['`/BOOK/1/2`', [get('/BOOK/1/2'), 200, { a: '1', b: '2' }]],
  ['`%2F`, `%5C`, `%0A`', [get('/text/a%2Fb'), 200, { t: 'a/b' }], [get('/text/a%5Cb'), 200, { t: 'a\\b' }],
    [get('/text/a%0Ab'), 200, { t: 'a\nb' }], [get('/query?t=a%2F%5C%0Ab'), 200, { t: 'a/\\\nb' }]],
  ['`%00`', [get('/text/a%00b'), 200, { t: 'a\0b' }], [get('/query?t=a%00b'), 200, { t: 'a\0b' }]],
  ['bytes that are not UTF-8', [get('/text/%FF'), 400], [get('/query?t=%FF'), 200, { t: '\ufffd' }]],
  ['`..` as a segment', [get('/text/../text/x'), 404], [get('/book/../text/x'), 404],
    [get('/book/%2e%2e/2'), 200, { a: '..', b: '2' }]],
  ['`limit=1&limit=2`', [get('/query?limit=1&limit=2'), 200, { limit: ['1', '2'] }]],
  ['`1.0` or `1e3` for an integer of a body', [post('{"x":1.0}'), 201, tree(1)], [post('{"x":1e3}'), 201, tree(1000)],
    [post('{"x":9007199254740993}'), 201, tree(9007199254740992)]],
  ['`1.0` or `007` for an integer of a path or query', [get('/number/1.0'), 400], [get('/number/007'), 200, { n: 7 }]],
  ['`1e400` in a body', [post('{"x":1e400}'), 201, { is: 'infinity' }]],
  ['half a surrogate pair', [post('{"x":"\\ud800"}'), 201, tree('\ud800')]],
  ['a member that the route does not declare', [post('{"other":1}'), 201, { is: { other: 1 } }]],
  ['a member twice', [post('{"x":1,"x":2}'), 201, tree(2)]],
  ['`null` for an optional member', [post('{"x":null}'), 201, tree(null)]],
  ['bytes or NUL after the JSON document', [post('{"x":1} x'), 400], [post('{"x":1}\0'), 400]],
  ['a depth of more than 512', [post(nested(513)), 201, { is: 'array' }], [post(nested(5000)), 201, { is: 'array' }]],
  ['`Content-Type: application/json;odata=verbose`', [typed('application/json;odata=verbose'), 201, tree(1)],
    [typed('application/json;charset=iso-8859-1'), 415],
    [post(Buffer.from('{"x":1}', 'utf16le'), 'Content-Type: application/json;charset=utf-16le\r\n'), 201, tree(1)]],
  ['another type, or none, for a body', [typed('text/plain'), 201, { is: 'nothing' }], [post('{"x":1}', ''), 201, { is: 'nothing' }],
    [post('x=1', 'Content-Type: application/x-www-form-urlencoded\r\n'), 201, tree('1')]],
  ['`Content-Encoding: gzip` or `deflate`', [encoded('gzip', zlib.gzipSync('{"x":1}')), 201, tree(1)],
    [encoded('deflate', zlib.deflateSync('{"x":1}')), 201, tree(1)],
    [encoded('gzip', zlib.gzipSync(`{"x":"${'a'.repeat(200000)}"}`)), 413], [encoded('gzip', 'damaged stream'), 400]],
  ['`Content-Encoding: br`', [encoded('br', zlib.brotliCompressSync('{"x":1}')), 201, tree(1)]],
  ['`Transfer-Encoding: chunked`', ['POST /body HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n' +
    'Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n7\r\n{"x":1}\r\n0\r\n\r\n', 201, tree(1)]],
  ['empty lines before a request', ['\r\n\r\n\r\n' + get('/text/x'), 200, { t: 'x' }]],
  ['lines that end in LF alone', [get('/text/x').replace(/\r\n/g, '\n'), 400]],
  ['`=?utf-8?q?Ren=C3=A9?=` in a header', [get('/header', 'X-Name: =?utf-8?q?Ren=C3=A9?=\r\n'), 200, { h: '=?utf-8?q?Ren=C3=A9?=' }]],
];

// The answer as { status, body }, once the other side has closed.
const send = (port, bytes) => new Promise((resolve, reject) => {
  const socket = net.connect(port, '127.0.0.1');
  const parts = [];
  socket.setTimeout(10000, () => socket.destroy(new Error('no answer within 10 s')));
  socket.on('data', (part) => parts.push(part));
  socket.on('error', reject);
  socket.on('end', () => {
    const [head, body = ''] = Buffer.concat(parts).toString().split('\r\n\r\n');
    resolve({ status: Number(head.split(' ')[1]), body });
    socket.end();
  });
  socket.write(bytes);
});

(async () => {
  const app = await NestFactory.create(App, { logger: false });
  await app.listen(0, '127.0.0.1');
  const { port } = app.getHttpServer().address();
  const mistakes = [];
  for (const [row, ...requests] of rows) {
    for (const [bytes, status, body] of requests) {
      const answer = await send(port, bytes);
      const wanted = body === undefined ? answer.body : JSON.stringify(body);
      if (answer.status !== status || answer.body !== wanted)
        mistakes.push(`${row}: ${bytes.toString().slice(0, 40)}...: ${answer.status} ${answer.body.slice(0, 200)}, not ${status} ${wanted}`);
    }
  }
  await app.close();
  const lines = fs.readFileSync(path.join(__dirname, '../../docs/http.md'), 'utf8').split('\n');
  const head = lines.findIndex((line) => line.startsWith('| ') && line.includes('Express with Nest'));
  const end = lines.findIndex((line, at) => at > head && !line.startsWith('|'));
  const table = lines.slice(head + 2, end);
  table.forEach((line, at) => {
    if (!rows[at] || !line.startsWith(`| ${rows[at][0]}`)) mistakes.push(`docs/http.md: no request here for the row "${line.slice(2, 60)}..."`);
  });
  if (table.length !== rows.length) mistakes.push(`docs/http.md has ${table.length} rows, this test ${rows.length}`);
  for (const mistake of mistakes) console.error(`http-nest.cjs: ${mistake}`);
  process.exit(mistakes.length > 0 ? 1 : 0);
})().catch((error) => { console.error(`http-nest.cjs: ${error.message}`); process.exit(1); });
