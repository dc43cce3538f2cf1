// The part of the model that brings no schemas along: for programs in a browser, where those would be nine tenths of it.
export { formatInterval } from './interval.ts';
export { PortolanError, problemStatus } from './portolan-error.ts';
export { closeCodes, GRACE_DEFAULT, TIMEOUT_HEADER, TIMEOUT_MAX } from './wire-values.ts';
