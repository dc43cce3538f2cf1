export { type Applied, Fleet, type Held, type Touch } from '@portolan/model';
