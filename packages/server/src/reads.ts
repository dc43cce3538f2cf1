export { assignmentView, freePorts, type Paging, page, portReport, services } from '@portolan/model';
