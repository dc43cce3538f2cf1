// A program: `relay.ts SOCKET PORT`. Listens at a Unix socket, and passes each connection on to a port of loopback. Files
// are common to all network namespaces, so a coordinator in one of them can be asked from outside, also while it is cut off.
import { connect, createServer } from 'node:net';

const [socketPath = '', port = ''] = process.argv.slice(2);
createServer((outside) => {
  const inside = connect(Number(port), '127.0.0.1');
  outside.pipe(inside).pipe(outside);
  outside.on('error', () => inside.destroy());
  inside.on('error', () => outside.destroy());
}).listen(socketPath);
