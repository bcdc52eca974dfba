import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { loadJson, saveJson, writeList } from '../../src/push/snapshot.ts'
import { scratch } from '../support/processes.ts'

describe('a small state file', () => {
  it('comes back as it was saved', async () => {
    const path = join(scratch(), 'session.json')
    const session = { clientId: 'gateway', filters: ['tele/+/SENSOR', '\u2028'], connections: 4, share: null }
    expect(await saveJson(path, session)).toEqual({ ok: true, value: undefined })
    expect(loadJson(path)).toEqual(session)
    expect(await saveJson(path, null)).toMatchObject({ ok: true })
    expect(loadJson(path)).toBeNull()
  })

  it.each([
    ['missing', null],
    ['empty', ''],
    ['cut', '{"filters": ["a"'],
  ])('is null when it is %s', (_, text) => {
    const path = join(scratch(), 'session.json')
    if (text !== null) writeFileSync(path, text)
    expect(loadJson(path)).toBeNull()
  })

  it('holds what was saved last, as it was at the call, and nothing lies beside it', async () => {
    const directory = scratch()
    const path = join(directory, 'session.json')
    const state = { count: 0, padding: '' }
    const saves = Array.from({ length: 20 }, (_, at) => {
      state.count = at
      state.padding = 'x'.repeat(at % 2 === 0 ? 300_000 : 3)
      return saveJson(path, state)
    })
    state.count = -1
    for (const saved of await Promise.all(saves)) expect(saved.ok).toBe(true)
    expect(loadJson(path)).toMatchObject({ count: 19 })
    expect(readdirSync(directory)).toEqual(['session.json'])
  })

  it('stays as it was when it cannot be written, and nothing is left half', async () => {
    const directory = scratch()
    const path = join(directory, 'session.json')
    await saveJson(path, { count: 1 })
    const refused = await writeList(
      path,
      (function* () {
        yield { count: 2 }
        throw new Error('no more')
      })(),
    )
    expect(refused).toMatchObject({ ok: false, error: { code: 'PUSH_DISK', context: { path } } })
    expect(loadJson(path)).toEqual({ count: 1 })
    expect(readdirSync(directory)).toEqual(['session.json'])
    expect(await saveJson(join(directory, 'none', 'session.json'), {})).toMatchObject({ ok: false, error: { code: 'PUSH_DISK' } })
    mkdirSync(`${path}.new`)
    expect(await saveJson(path, { count: 3 })).toMatchObject({ ok: false, error: { code: 'PUSH_DISK' } })
    expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual({ count: 1 })
    expect(existsSync(`${path}.new`)).toBe(true)
  })
})
