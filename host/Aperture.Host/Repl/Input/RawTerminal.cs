using System.Runtime.InteropServices;
using System.Text;
using System.Text.RegularExpressions;

namespace Aperture.Host.Repl;

/// <summary>
/// The terminal of the process. While the editor reads, it is in raw mode (each key arrives as it is pressed, Ctrl+C as a character); between, in the mode it
/// was found in, so that scripts can read lines and Ctrl+C is a signal.
/// </summary>
internal sealed unsafe partial class RawTerminal : IEditorTerminal
{
    private const int Input = 0;
    private const int SetNow = 0; // TCSANOW
    private const int OutputFlags = 4; // Offset of c_oflag in termios.
    private const uint ProcessOutput = 1 | 4; // OPOST and ONLCR: a line feed still returns the carriage.
    private const short Readable = 1; // POLLIN
    private const int TermiosSize = 60;
    private const int Interrupted = 4; // EINTR

    private readonly byte[] _original = new byte[TermiosSize];
    private byte[] _unread = [];

    public RawTerminal()
    {
        fixed (byte* original = _original)
        {
            if (tcgetattr(Input, original) != 0)
            {
                throw new ApertureException("Standard input is no terminal; give code with --eval or through a pipe.");
            }
        }

        AppDomain.CurrentDomain.ProcessExit += (_, _) => Restore();
    }

    public int Width => Math.Max(20, Console.WindowWidth);

    public int Height => Math.Max(4, Console.WindowHeight);

    /// <summary>Raw mode until the result is disposed.</summary>
    public IDisposable EnterRawMode()
    {
        byte[] raw = [.. _original];
        fixed (byte* flags = raw)
        {
            cfmakeraw(flags);
            *(uint*)(flags + OutputFlags) |= ProcessOutput;
            _ = tcsetattr(Input, SetNow, flags);
        }

        return new RawMode(this);
    }

    /// <summary>Sends a request to the terminal and reads its answer; what was typed meanwhile is kept for the next reader.</summary>
    /// <returns>The answer; null if none came in time.</returns>
    public string? Ask(string request, Regex answer, TimeSpan patience)
    {
        using IDisposable raw = EnterRawMode();
        Write(request);
        StringBuilder came = new StringBuilder();
        Span<byte> buffer = stackalloc byte[256];
        long start = Environment.TickCount64;
        Match match;
        do
        {
            int count = Read(buffer, TimeSpan.FromMilliseconds(20));
            came.Append(Encoding.Latin1.GetString(buffer[..Math.Max(0, count)]));
            match = answer.Match(came.ToString());
        }
        while (!match.Success && Environment.TickCount64 - start < patience.TotalMilliseconds);
        _unread = Encoding.Latin1.GetBytes(match.Success ? came.ToString().Remove(match.Index, match.Length) : came.ToString());
        return match.Success ? match.Value : null;
    }

    public int Read(Span<byte> buffer, TimeSpan wait)
    {
        if (_unread.Length > 0)
        {
            int kept = Math.Min(buffer.Length, _unread.Length);
            _unread.AsSpan(0, kept).CopyTo(buffer);
            _unread = _unread[kept..];
            return kept;
        }

        PollDescriptor poll = new PollDescriptor { Descriptor = Input, Events = Readable };
        int ready = RawTerminal.poll(&poll, 1, (int)wait.TotalMilliseconds);
        if (ready <= 0)
        {
            return 0; // Nothing in time, or a signal came: the caller looks again.
        }

        fixed (byte* bytes = buffer)
        {
            nint count = read(Input, bytes, buffer.Length);
            return count > 0 ? (int)count : count < 0 && Marshal.GetLastPInvokeError() == Interrupted ? 0 : -1;
        }
    }

    public void Write(string text)
    {
        Console.Out.Write(text);
        Console.Out.Flush();
    }

    private void Restore()
    {
        fixed (byte* original = _original)
        {
            _ = tcsetattr(Input, SetNow, original);
        }
    }

    private sealed class RawMode(RawTerminal owner) : IDisposable
    {
        public void Dispose() => owner.Restore();
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct PollDescriptor
    {
        public int Descriptor;
        public short Events;
        public short Returned;
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int tcgetattr(int descriptor, byte* settings);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int tcsetattr(int descriptor, int when, byte* settings);

    [LibraryImport("libc")]
    private static partial void cfmakeraw(byte* settings);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int poll(PollDescriptor* descriptors, nuint count, int milliseconds);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint read(int descriptor, byte* buffer, nint count);
}
