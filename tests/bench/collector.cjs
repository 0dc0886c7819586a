// A collector that accepts everything. `node collector.cjs PORT`
'use strict';
require('node:http')
  .createServer((request, response) => {
    request.resume().on('end', () => response.setHeader('Content-Type', 'application/json').end('{}'));
  })
  .listen(Number(process.argv[2]), '127.0.0.1');
