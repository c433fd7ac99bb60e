package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os/exec"
	"strings"
)

// scene is a slow gradient, calm enough to read danmaku on, with ffmpeg's test card and its running clock
// in a corner.
const scene = "gradients=s=1280x720:r=30:nb_colors=3:c0=0x10264f:c1=0x4a2a80:c2=0x0f5a66:x0=0:y0=720:x1=1280:y1=0:speed=0.004," +
	"format=yuv420p[back];testsrc2=s=384x216:r=30,format=yuv420p[card];[back][card]overlay=x=40:y=H-h-96"

// picture publishes a generated test picture with a tone through ffmpeg until ctx ends; it is what a
// newcomer sees without OBS. The command runs in real time (-re), H.264 without B-frames and a keyframe
// every second, so that viewers join fast.
func picture(ctx context.Context, target string, log *slog.Logger) error {
	ffmpeg, err := exec.LookPath("ffmpeg")
	if err != nil {
		return fmt.Errorf("the demo needs ffmpeg to make its test picture; install it (Debian: apt install ffmpeg) or stream with OBS: %w", err)
	}
	args := strings.Fields("-hide_banner -loglevel error -nostdin -re" +
		" -f lavfi -i " + scene + " -f lavfi -i sine=frequency=220:beep_factor=4:sample_rate=48000" +
		" -c:v libx264 -preset ultrafast -tune zerolatency -pix_fmt yuv420p -g 30 -b:v 2500k -maxrate 2500k -bufsize 2500k" +
		" -c:a aac -b:a 96k -f flv")
	cmd := exec.CommandContext(ctx, ffmpeg, append(args, target)...)
	out, err := cmd.CombinedOutput()
	if ctx.Err() == nil {
		log.Warn("the test picture ended", slog.String("output", strings.TrimSpace(string(out))), slog.Any("error", err))
		return errors.New("ffmpeg ended by itself")
	}
	return nil
}
