import { Command } from 'commander'
import { expect, it, onTestFinished, vi } from 'vitest'
import { openAuditLog } from '../../src/access/index.ts'
import { auditCommands } from '../../src/cli/audit.ts'
import { draft, good, scratch, T0, tamper } from '../access/support.ts'

/** Runs `gridtally audit …`; what it printed and how it ended. */
const audit = async (...args: readonly string[]) => {
  let printed = ''
  const write = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    printed += String(text)
    return true
  })
  const before = process.exitCode
  onTestFinished(() => {
    write.mockRestore()
    process.exitCode = before
  })
  process.exitCode = 0
  const program = new Command().exitOverride()
  auditCommands(program)
  try {
    await program.parseAsync(['node', 'gridtally', 'audit', ...args])
  } finally {
    write.mockRestore()
  }
  return { printed, code: process.exitCode }
}

const written = (): string => {
  const directory = scratch()
  const log = good(openAuditLog(directory, () => T0))
  good(log.append(draft({ what: 'login', on: 'user:li.na', why: null })))
  good(
    log.append(
      draft({ what: 'login-refused', who: { kind: 'house', id: null, name: 'summary' }, outcome: 'refused', count: 4995, why: null }),
    ),
  )
  good(log.append(draft()))
  log.close()
  return directory
}

it('says that a log is whole, with its end to be kept', async () => {
  const directory = written()
  const { printed, code } = await audit('verify', '--data', directory)
  expect(printed).toMatch(/^3 records, as they were written\ngridtally-audit [0-9a-f]{32} 3 [0-9a-f]{64}\n$/)
  expect(code).toBe(0)
  const anchor = printed.split('\n')[1] ?? ''
  expect((await audit('verify', '--data', directory, '--anchor', anchor)).code).toBe(0)
  expect(JSON.parse((await audit('verify', '--data', directory, '--json')).printed)).toEqual({
    ...{ isWhole: true, records: 3, beyondHead: 0, faults: [], anchor },
  })
})

it('says what was done to one, and where; exit 1', async () => {
  const directory = written()
  const anchor = (await audit('verify', '--data', directory)).printed.split('\n')[1] ?? ''
  tamper(directory, "UPDATE record SET text = replace(text, '30m', '31m') WHERE seq = 3", 'DELETE FROM record WHERE seq = 2')
  const { printed, code } = await audit('verify', '--data', directory, '--anchor', anchor)
  expect(printed).toBe('missing at 2: record 2 is missing\nedited at 3: record 3 is not as it was written\n2 faults in 2 records\n')
  expect(code).toBe(1)
  expect(JSON.parse((await audit('verify', '--data', directory, '--json')).printed)).toMatchObject({
    isWhole: false,
    faults: [{ at: 2 }, { at: 3 }],
  })
})

it('a directory without a log is no log that is whole', async () => {
  const { printed, code } = await audit('verify', '--data', scratch())
  expect(printed).toMatch(/^unreadable: there is no .*audit\.db\n1 fault in 0 records\n$/)
  expect(code).toBe(1)
  await expect(audit('show', '--data', scratch())).rejects.toMatchObject({ message: /^AUDIT_READ/, exitCode: 1 })
})

it('shows records, the newest first', async () => {
  const directory = written()
  expect((await audit('show', '--data', directory)).printed).toMatchInlineSnapshot(`
    "   at                        who      from      what                     on            
    3  2026-11-20T00:00:00.000Z  li.na    10.0.0.7  config-changed           gateway.yaml  fewer questions
    2  2026-11-20T00:00:00.000Z  summary  10.0.0.7  login-refused (refused)  gateway.yaml  4995 times
    1  2026-11-20T00:00:00.000Z  li.na    10.0.0.7  login                    user:li.na    
    "
  `)
  const shown = JSON.parse((await audit('show', '--data', directory, '--json', '--what', 'login')).printed)
  expect(shown).toMatchObject([{ seq: 1, at: '2026-11-20T00:00:00.000Z', what: 'login', on: 'user:li.na' }])
  const of = async (...args: readonly string[]) => JSON.parse((await audit('show', '--data', directory, '--json', ...args)).printed).length
  expect([await of('--limit', '2'), await of('--before', '2'), await of('--who', 'summary'), await of('--from', '2026-11-21')]).toEqual([
    2, 1, 1, 0,
  ])
})

it('shows no control character of what came from outside', async () => {
  const directory = scratch()
  const log = good(openAuditLog(directory, () => T0))
  good(log.append(draft({ on: 'user:\u001b[2J\nroot\u202e', why: 'a\r\u0007b' })))
  log.close()
  const { printed } = await audit('show', '--data', directory)
  expect(printed.split('\n')).toHaveLength(3)
  expect(printed).toContain('user:·[2J·root·')
  expect(printed).toContain('a··b')
})

it.each([
  ['verify', '--anchor', '42'],
  ['show', '--limit', '0'],
  ['show', '--before', 'x'],
  ['show', '--from', 'yesterday'],
  ['show', '--to', '2026-11-20T00:00:00'],
])('refuses %s %s %s as wrong usage', async (...args) => {
  await expect(audit(args[0] ?? '', '--data', scratch(), ...args.slice(1))).rejects.toMatchObject({ exitCode: 2 })
})
