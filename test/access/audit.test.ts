import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { canonical, chained, plain } from '../../src/access/audit-record.ts'
import { anchorOf, anchorText, openAuditLog, readAudit, verifyAudit } from '../../src/access/index.ts'
import { openDatabase } from '../../src/sqlite/index.ts'
import { codeOf, draft, good, logIn, scratch, T0, tamper } from './support.ts'

const TOKEN = `gt_${'t'.repeat(43)}`
const written = (count: number, directory = scratch()): string => {
  const log = good(openAuditLog(directory, () => T0))
  for (let at = 1; at <= count; at++) good(log.append(draft({ on: `meter:M-${at}`, why: `reason ${at}` })))
  log.close()
  return directory
}
const kinds = (directory: string) => verifyAudit(directory).faults.map(({ kind, at }) => `${kind} ${at}`)

describe('what is recorded', () => {
  it('who, from where, when, what, before and after, why', () => {
    const record = good(logIn(scratch()).append(draft()))
    expect(record).toEqual({
      ...{ seq: 1, at: T0, what: 'config-changed', who: { kind: 'user', id: 'u-1', name: 'li.na' }, from: '10.0.0.7', on: 'gateway.yaml' },
      ...{ outcome: 'done', before: { period: '15m' }, after: { period: '30m' }, why: 'fewer questions', count: 1, since: null },
    })
  })

  it('no secret, wherever it stands', () => {
    const after = {
      ...{ password: 'hunter2 hunter2', nested: { apiKey: 'k-1', list: [{ wifiPSK: 'x', name: 'kept' }] }, tokens: ['a', { of: 'b' }] },
      ...{
        url: 'mqtt://user:pa55word@broker:1883',
        header: 'Bearer abc.def',
        text: `use ${TOKEN} please`,
        kept: 42,
        off: false,
        none: null,
      },
      ...{ hash: '$scrypt$ln=15,r=8,p=3$abc$def', 密码: '口令', toJSON: undefined },
    }
    const { after: seen } = good(logIn(scratch()).append(draft({ after, why: TOKEN, on: TOKEN })))
    expect(seen).toEqual({
      ...{ password: '***', nested: { apiKey: '***', list: [{ wifiPSK: '***', name: 'kept' }] }, tokens: ['***', { of: '***' }] },
      ...{ url: 'mqtt://user:***@broker:1883', header: 'Bearer ***', text: 'use *** please', kept: 42, off: false, none: null },
      ...{ hash: '***', 密码: '***' },
    })
    const long = `${'point '.repeat(32)}${TOKEN}`
    const text = canonical(1, 0, draft({ before: after, why: TOKEN, on: long, from: TOKEN }))
    expect(text).not.toMatch(/gt_t|hunter2|pa55word|abc\.def|k-1|口令"/)
  })

  it('in the same words however it was put together, and never endless', () => {
    const loop: Record<string, unknown> = { b: 1n, a: Number.NaN }
    loop.self = loop
    expect(JSON.stringify(plain({ b: 1, a: [new Date(0), 2n] }))).toBe('{"a":["1970-01-01T00:00:00.000Z","2"],"b":1}')
    expect(JSON.stringify(plain(loop)).length).toBeLessThan(1000)
    const long = good(
      logIn(scratch()).append(draft({ before: 'x'.repeat(1_000_000), after: Array.from({ length: 5000 }, () => 'y'.repeat(100)) })),
    )
    expect(String(long.before)).toMatch(/^x{2000}… \(1000000 characters\)$/)
    expect(long.after).toMatchObject({ sha256: expect.stringMatching(/^[0-9a-f]{64}$/) })
    expect(JSON.stringify(plain(JSON.parse('{"__proto__":{"polluted":1}}')))).toBe('{"__proto__":{"polluted":1}}')
  })

  it('any value at all', () =>
    fc.assert(
      fc.property(fc.anything({ withBigInt: true, withDate: true, withMap: true, withNullPrototype: true }), (value) => {
        const once = plain(value)
        expect(JSON.stringify(plain(JSON.parse(JSON.stringify(once))))).toBe(JSON.stringify(once))
      }),
      { numRuns: 500 },
    ))
})

describe('the log', () => {
  it('has every number, also over several openings and hands', () => {
    const directory = written(3)
    const [one, other] = [logIn(directory), logIn(directory)]
    for (let at = 0; at < 20; at++) good((at % 3 === 0 ? one : other).append(draft()))
    const records = good(one.list({ limit: 100 }))
    expect(records.map(({ seq }) => seq)).toEqual(Array.from({ length: 23 }, (_, at) => 23 - at))
    expect(verifyAudit(directory)).toMatchObject({ isWhole: true, records: 23, beyondHead: 0, faults: [] })
  })

  it('is asked by kind, person, thing and time', () => {
    const log = logIn(scratch())
    good(log.append(draft({ what: 'login', on: 'user:a' })))
    good(log.append(draft({ what: 'export', who: { kind: 'token', id: 't-1', name: 'billing' }, on: null })))
    const seqs = (filter: object) => good(log.list({ limit: 10, ...filter })).map(({ seq }) => seq)
    expect([
      seqs({ what: 'login' }),
      seqs({ who: 'billing' }),
      seqs({ on: 'user:a' }),
      seqs({ from: T0 + 1 }),
      seqs({ to: T0 + 1, before: 2 }),
    ]).toEqual([[1], [2], [1], [], [1]])
  })

  it('cannot be changed by mistake', () => {
    const directory = written(2)
    const database = openDatabase(`${directory}/audit.db`)
    expect(() => database.exec('DELETE FROM record WHERE seq = 1')).toThrow(/only added to/)
    expect(() => database.exec("UPDATE record SET text = ''")).toThrow(/only added to/)
    database.close()
  })

  it('that cannot be written says so, and nothing is half recorded', () => {
    const directory = scratch()
    const log = logIn(directory)
    good(log.append(draft()))
    const database = openDatabase(`${directory}/audit.db`)
    database.exec("CREATE TRIGGER full BEFORE INSERT ON record BEGIN SELECT RAISE(ABORT, 'disk full'); END")
    expect(log.append(draft())).toMatchObject({ ok: false, error: { code: 'AUDIT_WRITE', recovery: 'stop', message: /disk full/ } })
    database.exec('DROP TRIGGER full')
    database.close()
    expect(good(log.append(draft())).seq).toBe(2)
    expect(verifyAudit(directory)).toMatchObject({ isWhole: true, records: 2 })
  })

  it('whose head cannot be written takes no record', () => {
    const directory = scratch()
    const heads = scratch()
    const log = good(openAuditLog(directory, () => T0, heads))
    good(log.append(draft()))
    mkdirSync(`${heads}/audit.head.new`)
    expect(log.append(draft())).toMatchObject({ ok: false, error: { code: 'AUDIT_WRITE', message: /EISDIR/ } })
    expect(verifyAudit(directory, [], heads)).toMatchObject({ isWhole: true, records: 1, beyondHead: 0 })
    rmSync(`${heads}/audit.head.new`, { recursive: true })
    expect(good(log.append(draft())).seq).toBe(2)
    rmSync(heads, { recursive: true })
    expect(codeOf(log.append(draft()))).toBe('AUDIT_BROKEN')
    log.close()
    expect(verifyAudit(directory, [], heads)).toMatchObject({ isWhole: false, records: 2, faults: [{ kind: 'head' }] })
  })

  it('cannot be opened where nothing can be written', () => {
    expect(codeOf(openAuditLog('/proc/nowhere', () => T0))).toBe('AUDIT_WRITE')
    expect(codeOf(readAudit('/proc/nowhere', { limit: 1 }))).toBe('AUDIT_READ')
    const directory = scratch()
    writeFileSync(`${directory}/audit.db`, 'this is no database, but long enough to be looked at as if it were one. '.repeat(20))
    expect(codeOf(openAuditLog(directory, () => T0))).toBe('AUDIT_WRITE')
    expect(verifyAudit(directory).faults).toMatchObject([{ kind: 'unreadable' }])
  })
})

describe('verifying finds', () => {
  const edit = (seq: number) => `UPDATE record SET text = replace(text, 'reason', 'excuse') WHERE seq = ${seq}`
  it.each<[string, number, readonly string[], readonly string[]]>([
    ['an edited record', 5, [edit(3)], ['edited 3']],
    ['the first and the last one edited', 5, [edit(1), edit(5)], ['edited 1', 'edited 5']],
    ['an edited hash', 5, ["UPDATE record SET hash = replace(hash, 'a', 'b') || '' WHERE seq = 2"], ['edited 2']],
    ['a deleted record', 5, ['DELETE FROM record WHERE seq = 2'], ['missing 2']],
    ['the first one deleted', 5, ['DELETE FROM record WHERE seq = 1'], ['missing 1']],
    ['a stretch deleted', 9, ['DELETE FROM record WHERE seq BETWEEN 3 AND 6'], ['missing 3']],
    ['the end cut off', 5, ['DELETE FROM record WHERE seq > 3'], ['truncated 4']],
    ['everything cut off', 5, ['DELETE FROM record'], ['truncated 1']],
    [
      'two in another order',
      6,
      ['UPDATE record SET seq = -2 WHERE seq = 2', 'UPDATE record SET seq = 2 WHERE seq = 4', 'UPDATE record SET seq = 4 WHERE seq = -2'],
      ['moved 2', 'moved 4'],
    ],
    ['all moved by one', 3, ['DELETE FROM record WHERE seq = 1', 'UPDATE record SET seq = seq - 1'], ['moved 1', 'moved 2', 'truncated 3']],
    ['another log in its place', 3, ["UPDATE log SET id = '00000000000000000000000000000000'"], ['replaced null', 'rewritten 1']],
    ['a table that is gone', 3, ['DROP TABLE record'], ['unreadable null']],
  ])('%s', (_name, count, statements, faults) => {
    const directory = written(count)
    tamper(directory, ...statements)
    expect(kinds(directory)).toEqual(faults)
  })

  /** Rewrites records from one on, so that the chain holds again. */
  const forge = (directory: string, from: number) => {
    tamper(directory, edit(from))
    const database = openDatabase(`${directory}/audit.db`)
    let previous = String(Object.values(database.prepare('SELECT hash FROM record WHERE seq = ?').get(from - 1) ?? {})[0])
    for (const row of database.prepare('SELECT seq, text FROM record WHERE seq >= ? ORDER BY seq').all(from)) {
      const { seq, text } = row as { seq: number; text: string }
      const hash = chained(previous, text)
      database.prepare('UPDATE record SET previous = ?, hash = ? WHERE seq = ?').run(previous, hash, seq)
      previous = hash
    }
    database.close()
    return previous
  }

  it('a chain worked out again, by the head', () => {
    const directory = written(5)
    forge(directory, 3)
    expect(kinds(directory)).toEqual(['rewritten 5'])
  })

  it('a chain and a head worked out again, by an anchor that was kept elsewhere', () => {
    const directory = written(5)
    const anchor = anchorText(verifyAudit(directory).head!)
    const hash = forge(directory, 3)
    const head = JSON.parse(readFileSync(`${directory}/audit.head`, 'utf8'))
    writeFileSync(`${directory}/audit.head`, `${JSON.stringify({ ...head, hash })}\n`)
    expect(verifyAudit(directory).isWhole).toBe(true)
    const kept = anchorOf(anchor)!
    expect(verifyAudit(directory, [kept]).faults).toMatchObject([{ kind: 'rewritten', at: 5, text: /the anchor of record 5/ }])
    tamper(directory, 'DELETE FROM record WHERE seq > 2')
    expect(verifyAudit(directory, [kept]).faults.map(({ kind }) => kind)).toEqual(['truncated', 'truncated'])
  })

  it('a head that is gone or damaged, and a log that is gone', () => {
    const directory = written(4)
    const head = readFileSync(`${directory}/audit.head`, 'utf8')
    writeFileSync(`${directory}/audit.head`, head.slice(0, 30))
    expect(kinds(directory)).toEqual(['head null'])
    rmSync(`${directory}/audit.head`)
    expect(kinds(directory)).toEqual(['head null'])
    writeFileSync(`${directory}/audit.head`, head)
    expect(kinds(directory)).toEqual([])
    rmSync(`${directory}/audit.db`)
    expect(kinds(directory)).toEqual(['truncated 1'])
  })

  it('nothing in a log as it was written, at any length, and keeps its anchors', () => {
    const directory = scratch()
    const log = logIn(directory)
    const anchors = [log.head()]
    for (let at = 0; at < 30; at++) {
      good(log.append(draft()))
      anchors.push(log.head())
    }
    expect(verifyAudit(directory, anchors.map(good))).toMatchObject({ isWhole: true, records: 30, faults: [] })
    expect(anchorOf(anchorText(good(anchors[7]!)))).toEqual(good(anchors[7]!))
    expect(anchorOf('gridtally-audit 42')).toBeNull()
  })

  it('no more than a hundred faults', () => {
    const directory = written(150)
    tamper(directory, "UPDATE record SET text = ''")
    expect(verifyAudit(directory).faults).toHaveLength(100)
  })

  it('any single tampering with any log, where it is', () => {
    const base = written(12)
    const files = ['audit.db', 'audit.head'].map((name) => [name, readFileSync(`${base}/${name}`)] as const)
    const seq = fc.integer({ min: 1, max: 12 })
    const act = fc.oneof(
      seq.map((n) => ({ n, sql: `DELETE FROM record WHERE seq = ${n}` })),
      seq.map((n) => ({ n, sql: `DELETE FROM record WHERE seq >= ${n}` })),
      fc
        .tuple(seq, seq)
        .filter(([a, b]) => a !== b)
        .map(([a, b]) => ({
          n: Math.min(a, b),
          sql: `UPDATE record SET seq = -1 WHERE seq = ${a}; UPDATE record SET seq = ${a} WHERE seq = ${b}; UPDATE record SET seq = ${b} WHERE seq = -1`,
        })),
      fc
        .tuple(seq, seq)
        .filter(([a, b]) => a !== b)
        .map(([a, b]) => ({
          n: b,
          sql: `UPDATE record SET text = (SELECT text FROM record WHERE seq = ${a}) WHERE seq = ${b}`,
        })),
      fc
        .tuple(seq, fc.constantFrom('text', 'hash', 'previous'), fc.integer({ min: 1, max: 60 }), fc.constantFrom('x', '7', ' ', '"'))
        .map(([n, column, at, letter]) => ({
          n,
          sql: `UPDATE record SET ${column} = CASE WHEN substr(${column}, ${at}, 1) = '${letter}' THEN ${column} || '!'
                ELSE substr(${column}, 1, ${at - 1}) || '${letter}' || substr(${column}, ${at + 1}) END WHERE seq = ${n}`,
        })),
      seq.map((n) => ({ n, sql: `INSERT INTO record SELECT -seq, previous, text, hash FROM record WHERE seq = ${n}` })),
    )
    fc.assert(
      fc.property(act, ({ n, sql }) => {
        const directory = join(base, 'copy')
        rmSync(directory, { recursive: true, force: true })
        mkdirSync(directory)
        for (const [name, bytes] of files) writeFileSync(`${directory}/${name}`, bytes)
        tamper(directory, sql)
        const { isWhole, faults } = verifyAudit(directory)
        expect(isWhole).toBe(false)
        const [first] = faults
        expect(sql.startsWith('INSERT') ? Math.abs(first?.at ?? 0) : first?.at, sql).toBe(n)
      }),
      { numRuns: 150 },
    )
  })
})

describe('a log that was tampered with', () => {
  it('takes no further record that would cover it up', () => {
    const directory = written(5)
    tamper(directory, 'DELETE FROM record WHERE seq = 5')
    expect(openAuditLog(directory, () => T0)).toMatchObject({
      error: { code: 'AUDIT_BROKEN', message: 'the log ends at record 4, its head knows 5' },
    })
    const fresh = written(3)
    const log = logIn(fresh)
    tamper(fresh, 'DELETE FROM record')
    expect(codeOf(log.append(draft()))).toBe('AUDIT_BROKEN')
    expect(kinds(fresh)).toEqual(['truncated 1'])
    const gone = written(3)
    for (const suffix of ['', '-wal', '-shm']) rmSync(`${gone}/audit.db${suffix}`, { force: true })
    expect(codeOf(openAuditLog(gone, () => T0))).toBe('AUDIT_BROKEN')
    expect(existsSync(`${gone}/audit.db`)).toBe(false)
  })

  it('a head that fell behind catches up', () => {
    const directory = written(2)
    const head = readFileSync(`${directory}/audit.head`)
    written(2, directory)
    writeFileSync(`${directory}/audit.head`, head)
    expect(verifyAudit(directory)).toMatchObject({ isWhole: true, records: 4, beyondHead: 2 })
    written(1, directory)
    expect(verifyAudit(directory)).toMatchObject({ isWhole: true, records: 5, beyondHead: 0 })
  })

  it('nobody else reads its head', () => {
    const directory = written(1)
    chmodSync(directory, 0o700)
    expect(readFileSync(`${directory}/audit.head`, 'utf8')).toMatch(/^\{"log":"[0-9a-f]{32}","count":1,"hash":"[0-9a-f]{64}"\}\n$/)
  })
})
