import { failWith } from '../core/index.ts'

/** Every way access is refused or its files fail, and what happens next. */
export const accessFailure = failWith({
  ACCESS_PASSWORD: {
    recovery: 'skip',
    hint: 'at least 12 characters, not one of the common ones: four words that do not belong together are good',
  },
  ACCESS_LOGIN: {
    recovery: 'skip',
    hint: 'user name or password is wrong, or the account is not in use; an administrator can make a new link',
  },
  ACCESS_THROTTLED: {
    recovery: 'wait',
    hint: 'too many tries: wait as long as is said; a computer that has logged in before has tries of its own',
  },
  ACCESS_NAME: { recovery: 'skip', hint: '2 to 64 letters, digits, dots, dashes, underscores or @; not one that is taken' },
  ACCESS_ROLES: { recovery: 'skip', hint: 'docs/access.md lists the roles and which of them no one person holds together' },
  ACCESS_SCOPE: { recovery: 'skip', hint: 'null for every zone, or a list of zone ids; a customer has a customer id and no zones' },
  ACCESS_EXPIRY: { recovery: 'skip', hint: 'an instant that lies ahead, or null for none' },
  ACCESS_UNKNOWN: { recovery: 'skip', hint: 'look at the list: the name may be written in another way, or it was ended before' },
  ACCESS_LAST_ADMIN: { recovery: 'skip', hint: 'make another user with the role secadm first' },
  ACCESS_SELF: { recovery: 'skip', hint: 'nobody changes his own rights: another administrator does that' },
  ACCESS_BEYOND: {
    recovery: 'skip',
    hint: 'an administrator of some zones gives rights in those zones and nowhere else: ask one who sees every zone',
  },
  ACCESS_FIXED: { recovery: 'skip', hint: 'it stands in gateway.yaml or in GRIDTALLY_TOKEN: take it out there' },
  ACCESS_ANCHOR: { recovery: 'skip', hint: 'an anchor is the line that begins with gridtally-audit, unchanged' },
  ACCESS_LINK: { recovery: 'skip', hint: 'a link works once, within 24 hours; the newest one is the one that counts' },
  ACCESS_HAS_ADMIN: { recovery: 'skip', hint: 'an administrator is there already and makes the others' },
  ACCESS_IMPORT: { recovery: 'stop', hint: 'tokens.json must be as gridtally token add writes it; nothing of it was taken' },
  AUDIT_WRITE: {
    recovery: 'stop',
    hint: 'changes are refused until the audit log can be written: look at the disk, the owner and the rights of audit.db',
  },
  AUDIT_BROKEN: {
    recovery: 'stop',
    hint: 'the audit log and its head contradict each other: keep copies of audit.db and audit.head; gridtally audit verify says where',
  },
  AUDIT_READ: { recovery: 'stop', hint: 'the audit log is there but cannot be read: look at the owner and the rights of audit.db' },
})
