// The first thing that is loaded under Node: an older one would fail somewhere else, and not say why.
const [major = 0] = process.versions.node.split('.').map(Number);
if (major < 22) {
  throw new Error(`@portolan/client needs Node 22 or later, and this is Node ${process.versions.node}: update Node.`);
}
