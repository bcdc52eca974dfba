export { type AuditFilter, type AuditLog, openAuditLog, readAudit } from './audit.ts'
export { FLOOD_RULES, type FloodGate, type FloodRules, floodGate } from './audit-flood.ts'
export { type AuditHead, anchorOf, anchorText } from './audit-head.ts'
export { AUDIT_WHATS, type AuditDraft, type AuditOutcome, type AuditRecord, type AuditWhat, type AuditWho } from './audit-record.ts'
export { type AuditFault, type AuditFaultKind, type AuditVerdict, verifyAudit } from './audit-verify.ts'
export { accessFailure } from './errors.ts'
export { LINK_MS, type LinkMaker, linksOf } from './links.ts'
export { type LoggedIn, type LoginParts, type LoginTry, loginOf, passwordCheckOf, startSession } from './login.ts'
export { COST, type Cost, checkNewPassword, hashPassword, isOutdated, verifyPassword } from './passwords.ts'
export { hasExpired, mayDo, maySee, type Place, type Principal, permissionsOf, personOf, scopeOf } from './principals.ts'
export {
  ALL_PERMISSIONS,
  FORMER_GRANTS,
  type Former,
  GRANTS,
  isRole,
  isTokenRole,
  PERMISSIONS,
  type Permission,
  ROLES,
  type Role,
  rolesProblem,
} from './roles.ts'
export { holds, SESSION_RULES, type Session, type SessionRules, type Sessions, sessionsOf } from './sessions.ts'
export { type AccessStore, type Act, openAccessStore } from './store.ts'
export { loginThrottle, THROTTLE_RULES, type ThrottleRules, type Try } from './throttle.ts'
export { formerToken, isValidToken, type MachineToken, type TokenRights, type Tokens, tokensOf, tokenView } from './tokens.ts'
export { isInUse, nameKey, principalOfUser, type Rights, type User, type Users, usersOf } from './users.ts'
