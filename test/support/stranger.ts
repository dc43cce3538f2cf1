import { spawn } from 'node:child_process';
import { Program } from './program.ts';

/** The user that strangers are: nobody. */
export const STRANGER = 65_534;

/** Why no stranger can be started here, to skip a test with; `undefined` when one can. */
export const strangersUnavailable =
  process.platform !== 'linux'
    ? 'whose a socket is is looked at on Linux alone'
    : process.geteuid?.() === 0
      ? undefined
      : 'only root can start a program of another user';

/**
 * A program of another user that listens at a place, tells each connection that it takes, and then whatever is sent to it.
 * As soon as the place is free, when it is not yet.
 *
 * @param behaviour `closes-its-listener`: once it has a connection
 */
export async function stranger(
  port: number,
  { address = '127.0.0.1', behaviour = 'listens' }: { address?: string; behaviour?: keyof typeof behaviours } = {},
): Promise<Program> {
  const code = PROGRAM.replace('// after accepting', behaviours[behaviour]);
  const child = spawn(process.execPath, ['-e', code, String(port), address], {
    uid: STRANGER,
    gid: STRANGER,
    cwd: '/',
    env: {},
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const end = () => child.kill('SIGKILL');
  process.on('exit', end);
  child.once('exit', () => process.off('exit', end));
  const program = new Program(child);
  await program.says(/listening/);
  return program;
}

const behaviours = { listens: '', 'closes-its-listener': `server.close(); console.log('closed');` };

const PROGRAM = `
const [port, address] = process.argv.slice(1);
const server = require('node:net').createServer((socket) => {
  console.log('connection');
  // after accepting
  socket.on('error', () => {});
  socket.on('data', (data) => {
    console.log('got ' + JSON.stringify(String(data)));
    socket.end('HTTP/1.1 200 OK\\r\\ncontent-type: application/json\\r\\ncontent-length: 2\\r\\n\\r\\n{}');
  });
});
server.on('listening', () => console.log('listening'));
server.on('error', () => setTimeout(listen, 5));
const listen = () => server.listen({ port: Number(port), host: address });
listen();
`;
