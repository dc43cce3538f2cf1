export { type Asker, type Field, fieldOf, obstacleTo } from '@portolan/model';
