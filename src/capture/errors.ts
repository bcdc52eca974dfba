import { failWith } from '../core/index.ts'

/** Every way a capture cannot be read. */
export const fail = failWith({
  CAPTURE_FORMAT: { recovery: 'stop', hint: 'gridtally trace LINE --out FILE.txt, FILE.jsonl or FILE.pcap makes what can be read here' },
  CAPTURE_VERSION: { recovery: 'stop', hint: 'a newer gridtally wrote it: read it with that one' },
  CAPTURE_LINE: { recovery: 'stop', hint: 'the line named is damaged or was edited; everything before it is whole' },
  CAPTURE_LINKTYPE: { recovery: 'stop', hint: 'Ethernet with Modbus TCP (1) and RTAC serial (250) can be replayed' },
  CAPTURE_SIZE: { recovery: 'stop', hint: 'cut the capture into pieces: editcap -c 100000 does it for pcap' },
})
