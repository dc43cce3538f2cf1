/** What the system's service manager is to run. */
export interface ServiceUnit {
  /** `agent`, `server`. */
  role: string;
  /** The program and its arguments, its path absolute. */
  command: readonly string[];
  /** For the whole machine rather than for one user. */
  system: boolean;
  /** Where the state lies; of a system service, below /var/lib. */
  environment: Readonly<Record<string, string>>;
}

/**
 * A unit of systemd with as little as the role needs. An agent of the whole machine has to look into the processes of all
 * users, and to end them where it is allowed to; a coordinator needs its own directory and the network.
 *
 * @see systemd.exec(5); `systemd-analyze security` judges the result
 */
export function systemdUnit({ role, command, system, environment }: ServiceUnit): string {
  const lines = Object.entries(environment).map(([name, value]) => `Environment=${quoted(`${name}=${value}`)}`);
  return `[Unit]
Description=Portolan ${role}
After=network-online.target
Wants=network-online.target

[Service]
Type=exec
ExecStart=${command.map((word) => quoted(word).replaceAll('$', '$$$$')).join(' ')}
${lines.join('\n')}
EnvironmentFile=-${system ? '/etc/portolan' : '%h/.config/portolan'}/${role}.env
Restart=on-failure
RestartSec=2
# 4 is a refusal, such as of a wrong token: to start again would not mend it.
RestartPreventExitStatus=2 4
${(system ? [...common, ...sandbox, ...(role === 'agent' ? agent : server)] : common).join('\n')}

[Install]
WantedBy=${system ? 'multi-user.target' : 'default.target'}
`;
}

const common = [
  'NoNewPrivileges=yes',
  'LockPersonality=yes',
  'RestrictRealtime=yes',
  'RestrictSUIDSGID=yes',
  'SystemCallArchitectures=native',
  'RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK',
  'UMask=0077',
];

const sandbox = [
  'StateDirectory=portolan',
  'StateDirectoryMode=0700',
  'ProtectSystem=strict',
  'ProtectKernelTunables=yes',
  'ProtectKernelModules=yes',
  'ProtectKernelLogs=yes',
  'ProtectControlGroups=yes',
  'ProtectClock=yes',
  'ProtectHostname=yes',
  'PrivateTmp=yes',
  'RestrictNamespaces=yes',
];

const agent = [
  // A coordinator that this command has installed on this machine runs as a user of that name.
  'Environment=PORTOLAN_TRUST_USER=portolan-server',
  // Whose a socket is stands in the files of its process, which belong to its user.
  'CapabilityBoundingSet=CAP_SYS_PTRACE CAP_DAC_READ_SEARCH CAP_KILL CAP_NET_BIND_SERVICE',
  'ProtectHome=read-only',
];

const server = [
  'DynamicUser=yes',
  'CapabilityBoundingSet=',
  'PrivateDevices=yes',
  'ProtectHome=read-only',
  'ProtectProc=invisible',
];

/** As systemd reads a word, with `%` for itself. */
function quoted(word: string): string {
  const plain = word.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('%', '%%');
  return /^[\w@%+=:,./-]+$/.test(word) ? plain : `"${plain}"`;
}

/** A property list of launchd, which starts it anew when it fails. @see launchd.plist(5) */
export function launchdPlist({ role, command, environment }: ServiceUnit): string {
  const strings = command.map((word) => `    <string>${escaped(word)}</string>`);
  const variables = Object.entries(environment).map(
    ([name, value]) => `    <key>${escaped(name)}</key>\n    <string>${escaped(value)}</string>`,
  );
  return `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
  <key>Label</key>
  <string>${launchdLabel(role)}</string>
  <key>ProgramArguments</key>
  <array>
${strings.join('\n')}
  </array>
  <key>EnvironmentVariables</key>
  <dict>
${variables.join('\n')}
  </dict>
  <key>RunAtLoad</key>
  <true/>
  <key>KeepAlive</key>
  <dict>
    <key>SuccessfulExit</key>
    <false/>
  </dict>
  <key>Umask</key>
  <integer>63</integer>
</dict>
</plist>
`;
}

export function launchdLabel(role: string): string {
  return `dev.portolan.${role}`;
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
