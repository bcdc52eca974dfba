import { it } from 'vitest'
import { createDeframer } from '../../../protocols/dlt645/deframer.ts'
import { describe as oneLine } from '../../../protocols/dlt645/explain.ts'
import { decodeItem } from '../../../protocols/dlt645/data.ts'
import { itemOf } from '../../../protocols/dlt645/items.ts'
import { decodeFrame, diText, encodeFrame } from '../../../protocols/dlt645/frame.ts'
import { dlt6452007 } from '../../../protocols/dlt645/adapter.ts'
import { readFileSync } from 'node:fs'
import { wire, meter, frameOf, run } from './help.ts'
import { ok } from '../../../src/core/result.ts'
const rate = (name: string, n: number, f: () => void) => { f(); const t = performance.now(); f(); const s = (performance.now() - t) / 1000; console.log(name, Math.round(n / s), '/s') }
it('bench', () => {
  const w = wire('202608150042', 0x91, '00FF010078563412785634127856341278563412')
  const N = 200000
  rate('decodeFrame', N, () => { for (let i = 0; i < N; i++) decodeFrame(w) })
  rate('deframer', N, () => { const d = createDeframer(); for (let i = 0; i < N; i++) d.push(w) })
  rate('deframe+decodeItem', N, () => { const d = createDeframer(); for (let i = 0; i < N; i++) for (const f of d.push(w)) if ('data' in f) decodeItem(itemOf('2007', diText(f.data, 4)), f.data.subarray(4)) })
  rate('encode', N, () => { const f = frameOf('202608150042', 0x11, '00FF0100'); for (let i = 0; i < N; i++) encodeFrame(f) })
  rate('describe', 20000, () => { for (let i = 0; i < 20000; i++) oneLine(w, 'rx') })
  const q = wire('202608150042', 0x11, '00FF0100')
  rate('describe tx', 20000, () => { for (let i = 0; i < 20000; i++) oneLine(q, 'tx') })
  const p = JSON.parse(readFileSync(new URL('../../../config/profiles/dlt645/2007-three-phase.json', import.meta.url), 'utf8'))
  const plan = dlt6452007.plan(p, { kind: 'current' })
  if (!plan.ok) throw 0
  const answers: any = {}
  const blocks: Record<string, string> = { '0001FF00': '34120000'.repeat(5), '0002FF00': '34120000'.repeat(5), '00030000': '34120000', '00040000': '34120000', '00050000': '34120000', '00060000': '34120000', '00070000': '34120000', '00080000': '34120000', '01010000': '3412003014211124', '01020000': '3412003014211124', '0201FF00': '032303230323', '0202FF00': '032300032300032300', '0203FF00': '032300032300032300032300', '0204FF00': '032300032300032300032300', '02050000': '032300', '0206FF00': '0003000300030003', '02800002': '0350' }
  const s = meter('202608150042', blocks)
  const r = run(plan.value.talk('202608150042', new Map()), s)
  console.log(r.heard.length, 'exchanges', r.result.ok && r.result.value[0]?.absent, r.result.ok && r.result.value[0]?.raws.join(' '))
  const frames = r.heard.map((h, i) => s(h, i)![0]!)
  const memory = new Map()
  const M = 5000
  rate('talk exchanges', M * frames.length, () => { for (let i = 0; i < M; i++) { const t = plan.value.talk('202608150042', memory); let k = 0; let st = t.next(); while (!st.done) { const f = frames[k++]!; if (st.value.judge(f) !== 'answer') throw 1; st = t.next(ok(f)) } } })
})
