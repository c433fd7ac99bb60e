// Command barrage is a live-room platform in one binary: live ingest and playback, danmaku over sockets,
// accounts, pages.
//
// `barrage serve` runs it; `barrage help` lists the rest. main.go reads the command line, config.go is the
// tree of settings. platform.go opens storage and makes the node of the actors, listen.go lets them run and
// opens the listeners, programs.go wires the HTTP API, serve.go runs and stops it all; admin.go, backup.go,
// objects.go and demo.go are the small commands beside it.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/barrage-live/barrage/internal/conf"
)

// version is set by the linker; a plain `go build` leaves it as it is.
var version = "development"

const usage = `barrage: live rooms with danmaku, from OBS to the browser

  barrage serve  [--config FILE] [--KEY VALUE ...]   run the platform
  barrage demo   [--config FILE] [--KEY VALUE ...]   run it with a test picture and chatting bots
  barrage admin create HANDLE [--data DIR]           make the first administrator (the server must be stopped)
  barrage backup DIR [--admin ADDRESS]               copy accounts, channels and danmaku of the running server to a new folder
  barrage verify [--data DIR]                        read them, or a backup, against their checksums (the server must be stopped)
  barrage objects verify [PREFIX] [--data DIR]       read what is stored against its checksums (stopped as well)
  barrage objects delete PREFIX [--data DIR]         remove stored objects, such as live/CHANNEL/BROADCAST/ (stopped as well)
  barrage config [--config FILE] [--KEY VALUE ...]   print the settings that would be used, and where each comes from
  barrage version                                    print the version

Settings come from flags, then BARRAGE_* variables, then the YAML file. "barrage serve --help" lists them.
`

// What "barrage COMMAND --help" says before the list of settings.
const (
	aboutServe = `usage: barrage serve [--config FILE] [--KEY VALUE ...]

Runs the platform until Ctrl-C or SIGTERM, then stops in order, within stop.timeout; a second Ctrl-C ends it at once.
Exit codes: 0 stopped, 1 failed, 2 the command line or the settings were refused.
`
	aboutDemo = `usage: barrage demo [--config FILE] [--KEY VALUE ...]

Runs the platform with a test picture and chatting bots, and prints where to watch. Needs ffmpeg. Its data go to a folder of
its own, which is removed at the end: data, log.level and stop.timeout have no effect.
`
	aboutAdmin = `usage: barrage admin create HANDLE [--config FILE] [--data DIR] [--KEY VALUE ...]

Makes an account with every role and prints its password, once. The server must be stopped; later administrators are made
over the API.
`
	aboutBackup = `usage: barrage backup DIR [--config FILE] [--admin ADDRESS] [--KEY VALUE ...]

Asks the running server, over its admin address, to make a folder with everything but the objects: accounts, channels, danmaku and
the keys of the tokens, all of one moment. The folder must not exist. A server can be started on it: barrage serve --data DIR.
`
	aboutVerify = `usage: barrage verify [--config FILE] [--data DIR] [--KEY VALUE ...]

Reads the tables of a data folder or a backup against their checksums, changes nothing, and prints what there is by tables. The
server must be stopped. "barrage objects verify" does the same for objects.
`
	aboutObjects = `usage: barrage objects verify [PREFIX] [--config FILE] [--data DIR] [--KEY VALUE ...]
       barrage objects delete PREFIX [--config FILE] [--data DIR] [--KEY VALUE ...]

Reads the stored objects whose names begin with PREFIX, or all, against their checksums and names those that are damaged; or
removes those whose names begin with PREFIX. The segments of a broadcast begin with live/CHANNEL/BROADCAST/, where both are ids.
The server must be stopped.
`
	aboutConfig = `usage: barrage config [--config FILE] [--KEY VALUE ...]

Prints the settings that "barrage serve" would use, and where each comes from.
`
)

// errMisused says that the command line is not one of ours.
var errMisused = errors.New("misused")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // whoever presses Ctrl-C again does not want to wait: it ends the process
	code := run(ctx, os.Args[1:], os.Environ(), os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run is the program without the process around it. It returns the exit code: 0 done, 1 failed, 2 misused.
func run(ctx context.Context, args, environ []string, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		fmt.Fprint(stderr, usage)
		return 2
	}
	var err error
	switch command, rest := args[0], args[1:]; command {
	case "serve":
		err = withConfig(aboutServe, rest, environ, stdout, func(cfg Config) error { return serve(ctx, cfg, stderr) })
	case "demo":
		err = withConfig(aboutDemo, rest, environ, stdout, func(cfg Config) error { return demo(ctx, cfg, stdout, stderr) })
	case "admin":
		err = admin(ctx, rest, environ, stdout, stderr)
	case "backup":
		err = backup(ctx, rest, environ, stdout, stderr)
	case "verify":
		err = verify(ctx, rest, environ, stdout)
	case "objects":
		err = objects(ctx, rest, environ, stdout, stderr)
	case "config":
		err = printConfig(rest, environ, stdout)
	case "version", "--version":
		fmt.Fprintln(stdout, "barrage", version)
	case "help", "--help", "-h":
		fmt.Fprint(stdout, usage)
	default:
		fmt.Fprintf(stderr, "barrage: unknown command %q\n\n%s", command, usage)
		return 2
	}
	return exitCode(err, stderr)
}

func exitCode(err error, stderr io.Writer) int {
	var faults conf.Faults
	switch {
	case err == nil:
		return 0
	case errors.As(err, &faults):
		fmt.Fprintln(stderr, "barrage: the settings were refused:")
		for _, f := range faults {
			fmt.Fprintln(stderr, "  "+f.String())
		}
		return 2
	case errors.Is(err, errMisused):
		return 2
	}
	fmt.Fprintln(stderr, "barrage:", err)
	return 1
}
