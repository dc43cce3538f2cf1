import { createServer } from 'node:http';

createServer((_request, response) => {
  response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><title>Shop</title><h1>3 apples</h1>');
}).listen(process.env.PORT, '127.0.0.1');
