import { Command } from 'commander'
import { expect, it, onTestFinished, vi } from 'vitest'
import { type ApiDeps, listenApi } from '../../src/api/index.ts'
import { clockCommands } from '../../src/cli/clocks.ts'
import { api, errorOf, fail, refusal, TOKENS } from '../api/fake.ts'
import { clockActOf, clockOf } from '../api/fake-clocks.ts'

/** Runs `gridtally clocks …` against an API; what it printed. */
const clocks = async (args: readonly string[], change: Partial<ApiDeps> = {}, token = TOKENS.operate.text) => {
  const { app } = await api(change)
  const url = await listenApi(app, { host: '127.0.0.1', port: 0 })
  let printed = ''
  const write = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    printed += String(text)
    return true
  })
  onTestFinished(() => void write.mockRestore())
  const program = new Command()
  clockCommands(program)
  const [name = '', ...rest] = args
  await program.parseAsync(['node', 'gridtally', 'clocks', name, '--url', url, '--token', token, ...rest])
  write.mockRestore()
  return printed
}

it('lists clocks as a table and as JSON', async () => {
  expect(await clocks(['list'])).toMatchInlineSnapshot(`
    "meter  line    state  drift                seen at                   a day       
    M-1    line-1  off    +90.500 s ± 0.512 s  2026-08-15T03:10:00.000Z  +0.700 s !  
    M-2    line-1  off    +90.500 s ± 0.512 s  2026-08-15T03:10:00.000Z  +0.700 s !  
    M-3    line-1  good   +90.500 s ± 0.512 s  2026-08-15T03:10:00.000Z  +0.700 s !  
    "
  `)
  const all = JSON.parse(await clocks(['list', '--state', 'off', '--json']))
  expect(all.map(({ meter }: { meter: string }) => meter)).toEqual(['M-1', 'M-2'])
})

it('reads a clock at once and shows it', async () => {
  const text = await clocks(['read', 'M-1'], {
    readClock: async () => ({ ok: true, value: clockOf('M-1', { acts: [clockActOf()], isLocked: true }) }),
  })
  expect(text).toContain('M-1 on line-1: off, +90.500 s ± 0.512 s at 2026-08-15T03:10:00.000Z')
  expect(text).toContain('gains +0.700 s a day, more than half a second')
  expect(text).toContain('gridtally clocks clear')
  expect(text).toContain('set on line-1 by operator: done (new battery)\n  M-1: +90.500 s ± 0.512 s before, not read after')
})

it('sets, synchronises and clears with a reason', async () => {
  expect(await clocks(['set', 'M-1', '--why', 'new battery'])).toContain('set on line-1 by operator: done (new battery)')
  expect(await clocks(['sync', 'line-1', '--why', 'after an outage'])).toContain('broadcast on line-1 by operator: done (after an outage)')
  expect(await clocks(['clear', 'M-1', '--why', 'looked up'])).toContain('clear on line-1 by operator')
})

it('says what the gateway said, what is missing, and what cannot be reached', async () => {
  const near = async () => refusal('not-possible', errorOf(fail('LINE_BUSY', 'near midnight; next allowed at 00:30')))
  await expect(clocks(['set', 'M-1', '--why', 'reason'], { setClock: near })).rejects.toMatchObject({
    ...{ message: 'LINE_BUSY near midnight; next allowed at 00:30; ask later', exitCode: 1 },
  })
  await expect(clocks(['set', 'M-1', '--why', 'reason'], {}, TOKENS.read.text)).rejects.toMatchObject({ message: /^API_PERMISSION/ })
  await expect(clocks(['list'], {}, '')).rejects.toMatchObject({ exitCode: 2 })
  await expect(clocks(['list', '--url', 'http://127.0.0.1:1'])).rejects.toMatchObject({ message: /cannot be reached/ })
})
