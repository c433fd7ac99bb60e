package main

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
)

// admin is the command line's way to the first administrator: whoever can write the data folder of a
// stopped server may make an account with every role, whose password is printed once.
func admin(ctx context.Context, args, environ []string, stdout, stderr io.Writer) error {
	if slices.Contains(args, "--help") || slices.Contains(args, "-h") {
		return help(stdout, aboutAdmin)
	}
	if len(args) < 2 || args[0] != "create" || strings.HasPrefix(args[1], "-") {
		fmt.Fprint(stderr, aboutAdmin)
		return errMisused
	}
	return withConfig(aboutAdmin, args[2:], environ, stdout, func(cfg Config) error {
		p, err := openPlatform(ctx, cfg, slog.New(slog.DiscardHandler))
		if err != nil {
			return err
		}
		password := newPassword()
		if err := p.startActors(ctx, nobody{}); err != nil {
			return errors.Join(err, p.steps.undo(ctx, p.log))
		}
		account, err := p.accounts.CreateAdmin(ctx, args[1], password)
		if err == nil { // told before anything else can fail: nobody can ask for it again
			fmt.Fprintf(stdout, "administrator %s\npassword      %s\n", account.Handle, password)
		}
		return errors.Join(err, p.steps.undo(ctx, p.log))
	})
}

// newPassword draws 160 bits in letters that can be read out.
func newPassword() string {
	var b [20]byte
	_, _ = rand.Read(b[:]) // never fails
	return strings.ToLower(base32.StdEncoding.EncodeToString(b[:]))
}
