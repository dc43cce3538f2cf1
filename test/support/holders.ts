import { connect } from '@portolan/client';

/** A program: `holders.ts URL TOKEN COUNT TTL`. Holds so many leases until it is killed, and says `held` when it has them. */
const [url = '', token = '', count = '', ttl = ''] = process.argv.slice(2);
const client = connect({ url: url.split(','), token });
await Promise.all(
  Array.from({ length: Number(count) }, (_, i) =>
    client.reserve({ project: 'doomed', service: `service-${i}`, range: '50000-59999', ttl: Number(ttl) }),
  ),
);
console.log('held');
setInterval(() => {}, 60_000);
