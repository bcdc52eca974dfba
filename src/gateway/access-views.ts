import {
  type AccessStore,
  type Act,
  accessFailure,
  checkNewPassword,
  isInUse,
  isValidToken,
  LINK_MS,
  type LinkMaker,
  type LoggedIn,
  type MachineToken,
  nameKey,
  type Principal,
  type Session,
  type SessionRules,
  type Sessions,
  type Tokens,
  type User,
  type Users,
} from '../access/index.ts'
import type { AccountAct, AccountPort, LoggedInView, MachineTokenView, RightsView, SessionView, UserView } from '../api/index.ts'
import { ok, type Result, type Scope } from '../core/index.ts'

export interface AccountParts {
  readonly store: AccessStore
  readonly users: Users
  readonly sessions: Sessions
  readonly tokens: Tokens
  readonly links: LinkMaker
  readonly rules: SessionRules
  readonly login: (tried: {
    readonly name: string
    readonly password: string
    readonly address: string
    readonly device: string | null
  }) => Promise<Result<LoggedIn>>
  readonly passwords: {
    check: (tried: {
      readonly name: string
      readonly password: string
      readonly address: string
      readonly device: string | null
    }) => Promise<Result<unknown>>
    hash: (password: string) => Promise<Result<string>>
  }
  /** Begins a log-in for somebody who has just shown his password. */
  readonly begin: (user: User, tried: { readonly address: string; readonly device: string | null }) => Result<LoggedIn>
  /** Tokens of the database, and those that are given from outside. */
  readonly allTokens: () => readonly MachineToken[]
  readonly sourceOf: (token: MachineToken) => MachineTokenView['source']
  /** A change of ours holds from now on. */
  readonly changed: () => void
  readonly scopeOf: (who: Principal) => Scope
  readonly now: () => number
}

/** Names a log-in without opening it: the beginning of its hash. */
const SESSION_ID = 16
const PAGE = 200

const actOf = ({ who, from, why }: AccountAct): Act => ({ who: { kind: who.kind, id: who.id, name: who.name }, from, why })

/** A queue of password checks that is full, out of a function that can only fail by throwing. */
class Busy extends Error {
  readonly refused: Result<never>
  constructor(refused: Result<never>) {
    super('busy')
    this.refused = refused
  }
}

/**
 * Users, log-ins, tokens and links as the API asks for them. Whoever gives rights gives them within what he sees himself; nobody changes
 * his own.
 */
export const accountViews = (parts: AccountParts): AccountPort => {
  const { store, users, sessions, tokens, links, rules, login, begin, passwords, allTokens, changed, now } = parts

  const isWithin = (who: Principal, { zones, customer }: Pick<RightsView, 'zones' | 'customer'>): boolean => {
    if (who.zones === null && who.customer === null) return true
    const scope = parts.scopeOf(who)
    if (customer !== null) return scope.sees('customer', customer)
    return zones?.every((zone) => scope.sees('zone', zone)) ?? false
  }
  const beyond = (who: Principal, rights: RightsView): Result<null> =>
    isWithin(who, rights) ? ok(null) : accessFailure('ACCESS_BEYOND', `${who.name} sees some zones only and gives rights in those alone`)
  /** The user, if who asks may know of him. */
  const known = (name: string, who: Principal): Result<User> => {
    const user = users.byName(name)
    return user && isWithin(who, user) ? ok(user) : accessFailure('ACCESS_UNKNOWN', `there is no user ${name.slice(0, 64)}`)
  }
  /** The same, if he is somebody else. */
  const other = (name: string, { who }: AccountAct): Result<User> => {
    const user = known(name, who)
    return user.ok && who.kind === 'user' && who.id === user.value.id
      ? accessFailure('ACCESS_SELF', `${user.value.name} is who asks`)
      : user
  }

  const sessionView = ({ hash, createdAt, seenAt, address }: Session): SessionView => ({
    ...{ id: hash.slice(0, SESSION_ID), createdAt, seenAt, address },
    ...{ idleAt: Math.min(seenAt + rules.idleMs, createdAt + rules.longestMs), endsAt: createdAt + rules.longestMs },
  })
  const newestFirst = (user: string): readonly SessionView[] => sessions.of(user, now()).map(sessionView).reverse()
  const stateOf = (user: User): UserView['state'] =>
    user.disabledAt !== null ? 'disabled' : !isInUse(user, now()) ? 'expired' : user.passwordAt === null ? 'no-password' : 'in-use'
  const userView = (user: User): UserView => ({ ...user, sessions: sessions.of(user.id, now()).length, state: stateOf(user) })
  const tokenView = (token: MachineToken): MachineTokenView => {
    const { hash: _, owner, createdAt, ...rest } = token
    const source = parts.sourceOf(token)
    const person = owner === null ? null : users.get(owner)
    const isEnded = token.revokedAt !== null && token.revokedAt <= now()
    const isValid = isValidToken(token, now()) && (owner === null || (person !== null && isInUse(person, now())))
    return {
      ...{ ...rest, owner: person?.name ?? null, source, createdAt: source === 'made' ? createdAt : null },
      state: isEnded ? 'revoked' : isValid ? 'valid' : 'expired',
    }
  }
  const loggedIn = (done: Result<LoggedIn>): Result<LoggedInView> =>
    done.ok
      ? ok({
          ...{ principal: done.value.principal, session: sessionView(done.value.begun) },
          ...{ sessionText: done.value.session, deviceText: done.value.device },
        })
      : done
  const viewed = (user: Result<User>): Result<UserView> => (user.ok ? ok(userView(user.value)) : user)
  const hashed = async (password: string): Promise<string> => {
    const stored = await passwords.hash(password)
    if (!stored.ok) throw new Busy(stored)
    return stored.value
  }
  /** Its own record in the log, and gone at once. */
  const endSessions = (user: User, id: string | null, act: Act): Result<number> => {
    const ended = sessions.of(user.id, now()).filter(({ hash }) => id === null || hash.slice(0, SESSION_ID) === id)
    if (ended.length === 0) return id === null ? ok(0) : accessFailure('ACCESS_UNKNOWN', 'there is no such log-in of this user')
    return store.change(act, () => {
      for (const { hash } of ended) sessions.end(hash, now())
      const ids = ended.map(({ hash }) => hash.slice(0, SESSION_ID))
      return ok({ value: ended.length, told: { what: 'session-ended', on: `user:${user.name}`, before: ids } })
    })
  }

  return {
    login: async (tried) => loggedIn(await login(tried)),
    logout: (text, act) => {
      const found = sessions.find(text, now(), false)
      if (!found) return ok(null)
      return store.change(actOf(act), () => {
        sessions.end(found.session.hash, now())
        return ok({ value: null, told: { what: 'logout', on: `user:${found.principal.name}` } })
      })
    },
    session: (text) => {
      const found = sessions.find(text, now(), false)
      return found ? sessionView(found.session) : null
    },
    changePassword: async (who, { now: present, next, address, device }) => {
      // A new one that cannot be taken costs no try.
      const fit = checkNewPassword(next, [who.name])
      if (!fit.ok) return fit
      if (present === next) return accessFailure('ACCESS_PASSWORD', 'the new password is the present one')
      const checked = await passwords.check({ name: who.name, password: present, address, device })
      if (!checked.ok) return checked
      const stored = await passwords.hash(next)
      if (!stored.ok) return stored
      const act: Act = { who: { kind: 'user', id: who.id, name: who.name }, from: address, why: null }
      const done = await users.setPassword(who.name, next, act, now(), async () => stored.value)
      return done.ok ? loggedIn(begin(done.value, { address, device })) : done
    },
    sessions: (name, { who }) => {
      const user = known(name, who)
      return user.ok ? ok(newestFirst(user.value.id)) : user
    },
    ownSessions: ({ id }) => newestFirst(id),
    endSessions: (name, id, act) => {
      const isOwn = act.who.kind === 'user' && users.get(act.who.id)?.name === name
      const user = isOwn ? users.byName(name) : null
      const found = user ? ok(user) : known(name, act.who)
      return found.ok ? endSessions(found.value, id, actOf(act)) : found
    },

    users: (who, after, limit) => {
      const found: User[] = []
      for (let from = after; found.length < limit; ) {
        const page = users.page(from, PAGE)
        found.push(...page.filter((user) => isWithin(who, user)))
        const last = page.at(-1)
        if (!last || page.length < PAGE) break
        from = nameKey(last.name)
      }
      return found.slice(0, limit).map(userView)
    },
    user: (name, who) => viewed(known(name, who)),
    addUser: (name, rights, act) => {
      const within = beyond(act.who, rights)
      if (!within.ok) return within
      const made = users.add(name, rights, actOf(act), now())
      if (!made.ok) return made
      const link = links.makeFor(name, actOf(act), now())
      return link.ok ? ok({ user: userView(made.value), link: { text: link.value, until: now() + LINK_MS } }) : link
    },
    setRights: (name, rights, act) => {
      const user = other(name, act)
      if (!user.ok) return user
      const within = beyond(act.who, rights)
      return within.ok ? viewed(users.setRights(user.value.name, rights, actOf(act), now())) : within
    },
    setDisabled: (name, isDisabled, act) => {
      const user = other(name, act)
      return user.ok ? viewed(users.disable(user.value.name, isDisabled, actOf(act), now())) : user
    },
    makeLink: (name, act) => {
      const user = known(name, act.who)
      if (!user.ok) return user
      const link = links.makeFor(user.value.name, actOf(act), now())
      return link.ok ? ok({ text: link.value, until: now() + LINK_MS }) : link
    },
    lookLink: (text) => links.look(text, now()),
    redeem: async (text, name, password, address) => {
      const found = links.look(text, now())
      if (!found.ok) return found
      try {
        if (found.value.kind === 'password') return viewed(await links.usePassword(text, password, address, now(), hashed))
        if (name === null) return accessFailure('ACCESS_NAME', 'the first administrator takes a name')
        return viewed(await links.useFirst(text, name, password, address, now(), hashed))
      } catch (error) {
        if (error instanceof Busy) return error.refused
        throw error
      }
    },

    tokens: (who, isValid, after, limit) =>
      allTokens()
        .filter((token) => isWithin(who, token) && (after === null || token.id > after))
        .map(tokenView)
        .filter(({ state }) => isValid === null || (state === 'valid') === isValid)
        .sort((one, two) => (one.id < two.id ? -1 : 1))
        .slice(0, limit),
    addToken: (name, rights, owner, act) => {
      const within = beyond(act.who, rights)
      if (!within.ok) return within
      const person = owner === null ? null : known(owner, act.who)
      if (person?.ok === false) return person
      const made = tokens.add(name, rights, actOf(act), now(), owner)
      changed()
      return made.ok ? ok({ token: tokenView(made.value.token), text: made.value.text }) : made
    },
    revokeToken: (id, act) => {
      const token = allTokens().find((each) => each.id === id)
      if (!token || !isWithin(act.who, token)) return accessFailure('ACCESS_UNKNOWN', `there is no token ${id}`)
      if (parts.sourceOf(token) !== 'made') return accessFailure('ACCESS_FIXED', `the token ${token.name} was not made here`)
      const done = tokens.revoke(id, actOf(act), now())
      changed()
      return done.ok ? ok(tokenView({ ...token, revokedAt: now() })) : done
    },
  }
}
