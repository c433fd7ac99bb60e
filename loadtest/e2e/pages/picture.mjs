// The number that is burnt into each picture, from 0 in a publication: 16 boxes in a row at the lower edge, the lowest bit
// at the left, white for 1. By it a test knows which picture a page shows, whatever its clocks say.

/** Pictures per second of the publisher. */
export const fps = 30
/** How far the picture on which a danmaku is drawn is to be from the one on which it was said. */
const apartMs = 250
/** A busy machine draws few frames: no check is stricter than this. */
const checkedMs = 1000

const bits = 16
const box = { width: 40, height: 16 }

/** The filter of ffmpeg that burns it in. */
export const burnIn = Array.from({ length: bits }, (_, bit) => {
  const place = `drawbox=x=${bit * box.width}:y=ih-${box.height}:w=${box.width}:h=${box.height}:t=fill`
  return `${place}:color=black,${place}:color=white:enable='mod(floor(n/${2 ** bit}),2)'`
}).join(',')

/** Runs in every page: window.pictureNumber() reads the number of the picture in view, null where there is none. */
export function reader({ bits, box }) {
  const canvas = document.createElement('canvas')
  canvas.width = bits
  canvas.height = 1
  const context = canvas.getContext('2d', { willReadFrequently: true })
  window.pictureNumber = () => {
    const video = document.querySelector('video')
    if (!video?.videoWidth) return null
    const scale = video.videoWidth / 1280
    for (let bit = 0; bit < bits; bit++) {
      const [x, y] = [(bit + 0.5) * box.width * scale, video.videoHeight - (box.height * scale) / 2]
      context.drawImage(video, x - 1, y - 1, 2, 2, bit, 0, 1, 1)
    }
    const { data } = context.getImageData(0, 0, bits, 1)
    let number = 0
    for (let bit = 0; bit < bits; bit++) if (data[bit * 4] > 127) number += 2 ** bit
    return number
  }
}
reader.options = { bits, box }

/** A danmaku was drawn on the picture on which it was said; said is what Person.say gave, of the same publication. */
export function onItsPicture(world, name, said, shown) {
  const apart = Math.round((shown.picture - said.picture) * (1000 / fps)) // ms of media; later is more
  world.measured.danmaku_from_its_picture_ms = { ...world.measured.danmaku_from_its_picture_ms, [name]: apart }
  world.check(`${name}, a danmaku is on its picture`, said.picture !== null && shown.picture !== null && Math.abs(apart) <= checkedMs, { said, shown })
  world.bar(`${name}, a danmaku is within ${apartMs} ms of its picture`, Math.abs(apart) <= apartMs)
}
