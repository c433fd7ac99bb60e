package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os/exec"
	"strings"
)

// picture publishes a generated test picture with a tone through ffmpeg until ctx ends; it is what a newcomer sees without OBS.
// The command runs in real time (-re), H.264 without B-frames and a keyframe every second, so that viewers join fast.
func picture(ctx context.Context, target string, log *slog.Logger) error {
	ffmpeg, err := exec.LookPath("ffmpeg")
	if err != nil {
		return fmt.Errorf("the demo needs ffmpeg to make its test picture; install it (Debian: apt install ffmpeg) or stream with OBS: %w", err)
	}
	args := strings.Fields("-hide_banner -loglevel error -nostdin -re" +
		" -f lavfi -i testsrc2=size=1280x720:rate=30 -f lavfi -i sine=frequency=220:beep_factor=4:sample_rate=48000" +
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
