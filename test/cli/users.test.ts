import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Command } from 'commander'
import { describe, expect, it, vi } from 'vitest'
import { readAudit, tokenView, verifyAudit } from '../../src/access/index.ts'
import { hashToken, makeToken } from '../../src/api/index.ts'
import { tokenCommands } from '../../src/cli/tokens.ts'
import { userCommands } from '../../src/cli/users.ts'
import { GOOD, good } from '../access/support.ts'
import { filesOf } from '../gateway/access-site.ts'
import { scratch } from '../support/processes.ts'

/** Runs `gridtally user …` or `gridtally token …` on a data directory; what it printed, or why it failed. */
const run = async (data: string, ...args: readonly string[]) => {
  let out = ''
  let err = ''
  const taps = [
    vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
      out += String(text)
      return true
    }),
    vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
      err += String(text)
      return true
    }),
  ]
  const program = new Command().exitOverride()
  userCommands(program)
  tokenCommands(program)
  for (const command of program.commands.flatMap((each) => [each, ...each.commands])) command.exitOverride()
  try {
    await program.parseAsync(['node', 'gridtally', ...args, '--data', data])
    return { out: out.trimEnd(), err, failed: null }
  } catch (error) {
    return { out, err, failed: error instanceof Error ? error.message : String(error) }
  } finally {
    for (const tap of taps) tap.mockRestore()
  }
}

const whats = (data: string) =>
  good(readAudit(data, { limit: 100 }))
    .map(({ what, who, on }) => `${what} ${who.kind} ${on}`)
    .reverse()

describe('gridtally user', () => {
  it('first prints a link that works once, and only where there is no administrator', async () => {
    const data = join(scratch(), 'data')
    const { out, err } = await run(data, 'user', 'first')
    expect(out).toMatch(/^gl_[\w-]{43}$/)
    expect(err).toContain(`gridtally user redeem ${out} --name NAME`)
    expect(err).toContain(`curl http://127.0.0.1:8645/api/v1/links/redeem`)
    const { links } = filesOf(data)
    good(await links.useFirst(out, 'sec', GOOD, 'local', Date.now()))
    expect((await run(data, 'user', 'first')).failed).toMatch(/ACCESS_HAS_ADMIN sec is security administrator/)
    expect(whats(data)).toEqual(['link-made command first administrator', 'link-used nobody user:sec'])
    expect(readFileSync(join(data, 'audit.db'), 'latin1')).not.toContain(out)
  })

  it('makes accounts, changes them and takes them out of use', async () => {
    const data = join(scratch(), 'data')
    expect((await run(data, 'user', 'list')).out).toMatch(/^no users: gridtally user first/)
    const { out: link } = await run(data, 'user', 'add', 'li.na', '--role', 'operator', '--zone', 'Z1', 'Z2', '--why', 'night shift')
    const { links } = filesOf(data)
    good(await links.usePassword(link, GOOD, 'local', Date.now()))
    expect((await run(data, 'user', 'roles', 'li.na', '--role', 'viewer', '--expires', '90d')).out).toBe('li.na: viewer; zones all; in use')
    const [one] = JSON.parse((await run(data, 'user', 'list', '--json')).out)
    expect(one).toMatchObject({ name: 'li.na', roles: ['viewer'], zones: null, state: 'in use', expiresAt: expect.stringMatching(/^20/) })
    expect((await run(data, 'user', 'sessions', 'li.na')).out).toBe('no log-ins')
    expect((await run(data, 'user', 'disable', 'li.na', '--why', 'has left')).out).toMatch(/disabled$/)
    expect((await run(data, 'user', 'link', 'li.na')).failed).toMatch(/ACCESS_UNKNOWN/)
    expect((await run(data, 'user', 'enable', 'LI.NA')).out).toMatch(/in use$/)
    for (const args of [
      ['add', 'x.y'],
      ['add', 'x.y', '--role', 'customer'],
      ['add', 'x.y', '--role', 'secadm', 'engineer'],
      ['add', 'x.y', '--role', 'viewer', '--expires', 'soon'],
      ['add', 'li.na', '--role', 'viewer'],
      ['sessions', 'nobody'],
    ])
      expect((await run(data, 'user', ...args)).failed).toMatch(/ACCESS_|--expires is|there is no user/)
    expect(verifyAudit(data).isWhole).toBe(true)
    expect(good(readAudit(data, { limit: 1, what: 'user-disabled' }))).toMatchObject([{ why: 'has left', who: { kind: 'command' } }])
  })

  it('does not lose the last administrator', async () => {
    const data = join(scratch(), 'data')
    await run(data, 'user', 'first')
    await filesOf(data).addUser('sec', { roles: ['secadm'] })
    expect((await run(data, 'user', 'disable', 'sec')).failed).toMatch(/ACCESS_LAST_ADMIN/)
    expect((await run(data, 'user', 'roles', 'sec', '--role', 'viewer')).failed).toMatch(/ACCESS_LAST_ADMIN/)
  })
})

describe('gridtally token', () => {
  it('adds one with a role, zones and an expiry; one of before; lists and revokes them', async () => {
    const data = join(scratch(), 'data')
    const { out: text } = await run(data, 'token', 'add', 'billing', '--role', 'billing', '--zone', 'Z1', '--expires', '90d')
    expect(text).toMatch(/^gt_[\w-]{43}$/)
    const { out: former } = await run(data, 'token', 'add', 'scada', '--permission', 'operate')
    const { out: customer } = await run(data, 'token', 'add', 'portal', '--role', 'customer', '--customer', 'C1')
    const { store, tokens } = filesOf(data)
    const view = tokenView(store, tokens, () => 0)
    const now = Date.now()
    expect(view.find(text, now)).toMatchObject({ name: 'billing', roles: ['billing'], zones: ['Z1'] })
    expect(view.find(text, now + 91 * 86_400_000)).toBeNull()
    expect(view.find(former, now)).toMatchObject({ former: 'operate', roles: [] })
    expect(view.find(customer, now)).toMatchObject({ roles: ['customer'], customer: 'C1' })
    for (const args of [
      ['x.y', '--role', 'secadm'],
      ['x.y', '--zone', 'Z1'],
      ['billing', '--role', 'viewer'],
    ])
      expect((await run(data, 'token', 'add', ...args)).failed).toMatch(/ACCESS_|--zone and --customer go with --role/)
    expect((await run(data, 'token', 'revoke', 'billing', '--why', 'new system')).out).toBe('billing is revoked')
    expect((await run(data, 'token', 'revoke', 'billing')).failed).toMatch(/ACCESS_UNKNOWN/)
    const { out } = await run(data, 'token', 'list')
    expect(out).toMatch(/billing +billing +Z1 +\d{4}-\S+ +revoked/)
    expect(out).toMatch(/portal +customer +customer C1 +never +valid/)
    expect(out).not.toContain('gt_')
  })

  it('knows the tokens of a tokens.json', async () => {
    const data = scratch()
    const { text, hash } = makeToken()
    expect(hash).toBe(hashToken(text))
    const entry = { id: 'own-1', name: 'li', hash, permission: 'read', expiresAt: null, revokedAt: null }
    writeFileSync(join(data, 'tokens.json'), JSON.stringify([entry]))
    expect(JSON.parse((await run(data, 'token', 'list', '--json')).out)).toMatchObject([{ name: 'li', permission: 'read', valid: true }])
    expect((await run(data, 'token', 'revoke', 'li')).failed).toBeNull()
    expect(JSON.parse((await run(data, 'token', 'list', '--json')).out)).toMatchObject([{ name: 'li', valid: false, revoked: true }])
  })
})
