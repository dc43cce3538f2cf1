import { expect, test } from 'vitest';
import { parseControlGroup } from './cgroup.ts';

const ID = '3f4a9c1e'.repeat(8);

test.each([
  ['Docker, version 1', `12:pids:/docker/${ID}\n1:name=systemd:/docker/${ID}\n`, ID, null],
  ['Docker under systemd', `0::/system.slice/docker-${ID}.scope\n`, ID, null],
  ['Podman with root', `0::/machine.slice/libpod-${ID}.scope/container\n`, ID, null],
  ['Podman without root', `0::/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-${ID}.scope\n`, ID, null],
  ["Podman's watcher", `0::/machine.slice/libpod-conmon-${ID}.scope\n`, null, null],
  [
    'containerd under Kubernetes',
    `0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1.slice/cri-containerd-${ID}.scope\n`,
    ID,
    null,
  ],
  ['Kubernetes, version 1', `11:memory:/kubepods/besteffort/pod8a2b-1/${ID}\n`, ID, null],
  ['CRI-O', `0::/kubepods.slice/crio-${ID}.scope\n`, ID, null],
  ['a system service', '0::/system.slice/mana-sync.service\n', null, 'mana-sync.service'],
  ['an instance of one', '0::/system.slice/system-mana.slice/mana@3050.service\n', null, 'mana@3050.service'],
  ['an escaped name', '0::/system.slice/mana\\x2dsync.service\n', null, 'mana-sync.service'],
  [
    "a user's service",
    '0::/user.slice/user-1000.slice/user@1000.service/app.slice/mana-sync.service\n',
    null,
    'mana-sync.service',
  ],
  ["a user's session", '0::/user.slice/user-1000.slice/session-3.scope\n', null, null],
  ["a user's programs", '0::/user.slice/user-1000.slice/user@1000.service/init.scope\n', null, null],
  [
    'version 1, by the systemd line',
    '4:memory:/x.service\n1:name=systemd:/system.slice/nginx.service\n',
    null,
    'nginx.service',
  ],
  ['nothing', '0::/\n', null, null],
])('%s', (_name, text, containerId, unit) => {
  expect(parseControlGroup(text)).toEqual({ containerId, unit });
});
