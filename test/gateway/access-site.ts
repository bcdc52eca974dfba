import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pino from 'pino'
import { onTestFinished } from 'vitest'
import { stringify } from 'yaml'
import { hashPassword, linksOf, openAccessStore, openAuditLog, type Rights, tokensOf, usersOf } from '../../src/access/index.ts'
import { loadGatewayConfig } from '../../src/config/index.ts'
import { startGateway } from '../../src/main.ts'
import { ACT, CHEAP, GOOD, good } from '../access/support.ts'
import { patient } from '../support/processes.ts'

export { GOOD }
export const rights = (change: Partial<Rights> = {}): Rights => ({
  ...{ roles: ['viewer'], zones: null, customer: null, expiresAt: null },
  ...change,
})

/** Users, tokens and links of a data directory, as another process has them open. */
export const filesOf = (data: string) => {
  const log = good(openAuditLog(data, () => Date.now()))
  const store = openAccessStore(data, log)
  onTestFinished(() => {
    store.close()
    log.close()
  })
  const users = usersOf(store)
  const addUser = async (name: string, change: Partial<Rights> = {}) => {
    good(users.add(name, rights(change), ACT, Date.now()))
    good(await users.setPassword(name, GOOD, ACT, Date.now(), (password) => hashPassword(password, CHEAP)))
  }
  return { log, store, users, tokens: tokensOf(store), links: linksOf(store, users), addUser }
}

/** A gateway in this process with nothing to read, and its data directory. */
export const accessSite = async (
  more: Readonly<Record<string, unknown>> = {},
  before: (place: { readonly directory: string; readonly data: string }) => Promise<void> | void = () => undefined,
  atEnd: (work: () => Promise<void>) => void = onTestFinished,
) => {
  const directory = mkdtempSync(join(tmpdir(), 'gridtally-'))
  const data = join(directory, 'data')
  mkdirSync(data)
  const file = join(directory, 'gateway.yaml')
  const base = {
    version: 1,
    gateway: { id: 'g1', timezone: 'UTC', data: 'data' },
    http: { port: 0 },
    ledger: 'ledger.yaml',
    lines: [],
    tasks: [],
  }
  const ledger = {
    ...{ version: 1, zones: [{ id: 'Z1' }, { id: 'Z2' }], points: [], meters: [] },
    areas: [
      { id: 'A1', zone: 'Z1' },
      { id: 'A2', zone: 'Z2' },
    ],
  }
  writeFileSync(file, stringify({ ...base, ...more }))
  writeFileSync(join(directory, 'ledger.yaml'), stringify(ledger))
  await before({ directory, data })
  const config = loadGatewayConfig(file)
  if (!config.ok) throw new Error(JSON.stringify(config.problems))
  const started = await startGateway(config.value, pino({ level: 'silent' }), {})
  if (!started.ok) throw new Error(`${started.message} ${JSON.stringify(started.problems)}`)
  atEnd(async () => {
    await started.value.close()
    rmSync(directory, { recursive: true, force: true })
  })
  return { gateway: started.value, address: started.value.address, directory, data, file, config: config.value }
}

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly body: Body
}

/** What answers of these routes may have. */
export interface Body {
  readonly code?: string
  readonly detail?: string
  readonly id?: string
  readonly name?: string
  readonly state?: string
  readonly link?: string
  readonly text?: string
  readonly next?: string | null
  readonly roles?: readonly string[]
  readonly zones?: readonly string[] | null
  readonly permissions?: readonly string[]
  readonly items?: readonly Body[]
  readonly user?: Body
  readonly token?: Body
  readonly session?: Body | null
  readonly [name: string]: unknown
}

/** Somebody with a jar for cookies, who asks as a page of the gateway does. */
export const browser = (address: string, headers: Readonly<Record<string, string>> = {}) => {
  const jar = new Map<string, string>()
  const ask = async (method: string, path: string, body?: unknown, more: Readonly<Record<string, string>> = {}): Promise<Answer> => {
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ')
    const answer = await patient(`${address}${path}`, {
      method,
      headers: {
        ...{ 'sec-fetch-site': 'same-origin', ...headers },
        ...(cookie === '' ? {} : { cookie }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...more,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    for (const each of answer.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(each) ?? []
      if (/Max-Age=0/.test(each)) jar.delete(name)
      else jar.set(name, value)
    }
    const text = await answer.text()
    return { status: answer.status, headers: answer.headers, body: text === '' ? {} : JSON.parse(text) }
  }
  return {
    jar,
    ask,
    get: (path: string, more?: Readonly<Record<string, string>>) => ask('GET', path, undefined, more),
    post: (path: string, body: unknown = {}, more?: Readonly<Record<string, string>>) => ask('POST', path, body, more),
    logIn: (name: string, password = GOOD) => ask('POST', '/api/v1/login', { name, password }),
  }
}
