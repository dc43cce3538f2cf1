/** What is read of the environment, but for what `portolan run` sets; a test compares it with the sources. */
export const variables: ReadonlySet<string> = new Set(
  [
    ...['CA', 'CERT', 'DEBUG', 'ENROLMENT', 'GOSSIP_KEY', 'JOIN', 'KEY', 'LAUNCHED', 'PROJECT', 'REDIS', 'STATE_DIR'],
    ...['TOKEN', 'TRUSTED_PROXY', 'TRUST_USER', 'URL'],
    // By the tests, the fuzzer and the benchmarks.
    ...['BENCH_SECONDS', 'FAULT_ROUNDS', 'FUZZ_INPUTS', 'SEEDS', 'TEST_REDIS', 'TEST_SUMMARY'],
  ].map((name) => `PORTOLAN_${name}`),
);
