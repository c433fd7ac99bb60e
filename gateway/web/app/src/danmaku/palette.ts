import type { Key } from '@/messages'

/** The colours offered; all are legible over a picture and in the list. */
export const palette = [
  { value: 0xffffff, name: 'colour.white' },
  { value: 0xff6b6b, name: 'colour.red' },
  { value: 0xffa94d, name: 'colour.orange' },
  { value: 0xffe066, name: 'colour.yellow' },
  { value: 0x8ce99a, name: 'colour.green' },
  { value: 0x66d9e8, name: 'colour.cyan' },
  { value: 0x74b0ff, name: 'colour.blue' },
  { value: 0xb197fc, name: 'colour.violet' },
  { value: 0xff8cc6, name: 'colour.pink' },
] as const satisfies readonly { value: number; name: Key }[]
