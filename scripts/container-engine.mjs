import { request } from 'node:http';
import { homedir } from 'node:os';
import { join } from 'node:path';

/**
 * Whether a container engine (Docker, or Podman behind Docker's API) answers. Asked directly, since loading
 * Testcontainers only to hear "no" costs each test file half a second.
 *
 * @returns {Promise<boolean>}
 */
export async function containerEngineAnswers() {
  const answers = await Promise.all(endpoints().map(answersPing));
  return answers.includes(true);
}

/** Where Testcontainers looks, too. */
function endpoints() {
  const host = process.env.DOCKER_HOST;
  if (host?.startsWith('unix://')) return [{ socketPath: host.slice('unix://'.length) }];
  if (host !== undefined) {
    const { hostname, port } = new URL(host.replace(/^tcp:/, 'http:'));
    return [{ host: hostname, port: Number(port || 2375) }];
  }
  const runtimeDir = process.env.XDG_RUNTIME_DIR ?? `/run/user/${process.getuid?.()}`;
  return [
    { socketPath: '/var/run/docker.sock' },
    { socketPath: join(runtimeDir, 'docker.sock') },
    { socketPath: join(homedir(), '.docker/run/docker.sock') },
    { socketPath: join(homedir(), '.docker/desktop/docker.sock') },
  ];
}

/**
 * @param {{socketPath: string} | {host: string, port: number}} endpoint
 * @returns {Promise<boolean>}
 */
function answersPing(endpoint) {
  return new Promise((resolve) => {
    const ping = request({ ...endpoint, path: '/_ping', timeout: 2000 }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    ping.on('timeout', () => ping.destroy());
    ping.on('error', () => resolve(false));
    ping.end();
  });
}
