import type * as model from '@portolan/model';

/** Tells whether a value is what it should be; what comes out is what the rest of the client sees. */
export interface Schema<T> {
  safeParse(value: unknown): { success: true; data: T } | { success: false; error: unknown };
}

/** How each kind of answer is tested. Under Node by the schemas of the wire contract; a browser has no room for them. */
export interface Answers {
  readonly AssignmentView: Schema<model.AssignmentView>;
  readonly Caller: Schema<model.Caller>;
  readonly CoordinatorProof: Schema<model.CoordinatorProof>;
  readonly EndResponse: Schema<model.EndResponse>;
  readonly EnrolmentMade: Schema<model.EnrolmentMade>;
  readonly FreePorts: Schema<model.FreePorts>;
  readonly GossipAccess: Schema<model.GossipAccess>;
  readonly Host: Schema<model.Host>;
  readonly KeyReport: Schema<model.KeyReport>;
  readonly Login: Schema<model.Login>;
  readonly PlanDiff: Schema<model.PlanDiff>;
  readonly PlanView: Schema<model.PlanView>;
  readonly PortReport: Schema<model.PortReport>;
  readonly Problem: Schema<model.Problem>;
  readonly ProvisionalResponse: Schema<model.ProvisionalResponse>;
  readonly Readiness: Schema<model.Readiness>;
  readonly ReleaseResponse: Schema<model.ReleaseResponse>;
  readonly RenewResponse: Schema<model.RenewResponse>;
  readonly ReportResponse: Schema<model.ReportResponse>;
  readonly Reservation: Schema<model.Reservation>;
  readonly ServerFrame: Schema<model.ServerFrame>;
  readonly Source: Schema<model.Source>;
  readonly Status: Schema<model.Status>;
  readonly TokenMade: Schema<model.TokenMade>;
  readonly TokenView: Schema<model.TokenView>;
  readonly WebhookSet: Schema<model.WebhookSet>;
  readonly WebhookTest: Schema<model.WebhookTest>;
}
