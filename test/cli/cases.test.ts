import { Command } from 'commander'
import { expect, it, onTestFinished, vi } from 'vitest'
import { listenApi } from '../../src/api/index.ts'
import { caseCommands } from '../../src/cli/cases.ts'
import { api, TOKENS } from '../api/fake.ts'
import { fakeCases } from '../api/fake-cases.ts'

/** Runs `gridtally cases …` against an API; what it printed, and what was done. */
const cases = async (...args: readonly string[]) => {
  const book = fakeCases()
  const { app } = await api(book)
  const url = await listenApi(app, { host: '127.0.0.1', port: 0 })
  let printed = ''
  const write = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    printed += String(text)
    return true
  })
  onTestFinished(() => void write.mockRestore())
  const program = new Command()
  caseCommands(program)
  const [name = '', ...rest] = args
  await program.parseAsync(['node', 'gridtally', 'cases', name, '--url', url, '--token', TOKENS.operate.text, ...rest])
  write.mockRestore()
  return { printed, acts: book.acts }
}

it('lists cases as a table and as JSON', async () => {
  const { printed } = await cases('list', '--kind', 'theft', '--language', 'zh')
  expect(printed.split('\n')).toHaveLength(9)
  expect(printed).toMatch(/7 +2026-03-01 +theft +P-1 +A-1 +high +open +0\.80 +30 .*2026-08-16 overdue +=疑似窃电/)
  expect(JSON.parse((await cases('list', '--json')).printed)).toHaveLength(7)
})

it('shows one with its history, what it rests on, and the ranking of an area', async () => {
  expect((await cases('show', '2')).printed).toContain('30.0 kWh (24.0 to 36.0)')
  const { printed } = await cases('evidence', '2')
  for (const text of ['balance, version 3', 'threshold balance.sigma', 'its clock is right', '/api/v1/points/P-1/energy?'])
    expect(printed).toContain(text)
  expect((await cases('ranking', 'A-1')).printed).toContain('0.30')
  expect((await cases('outcomes')).printed).toMatch(/theft +19 +0 +1 +2 +3 +0\.95/)
})

it.each([
  [['ack', '3'], { act: 'acknowledge', text: '' }],
  [['close', '3', '--cause', 'bypass', '--text', 'removed'], { act: 'close', cause: 'bypass', text: 'removed' }],
  [['assign', '3', '--owner', 'none'], { act: 'assign', owner: null, text: '' }],
  [['plan', '3', '--work-order', 'W-1', '--due-at', 'none'], { act: 'plan', workOrder: 'W-1', dueAt: null, text: '' }],
])('%s', async (args, act) => expect((await cases(...args)).acts).toMatchObject([{ id: 3, act, who: 'operator' }]))

it('says what is no case, and whether a test message was taken', async () => {
  await expect(cases('show', 'x')).rejects.toThrow('"x" is no case')
  expect((await cases('notify-test', 'ops')).printed).toContain('https://hooks.example has taken it')
})
