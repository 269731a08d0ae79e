namespace Aperture.Host.Repl;

/// <summary>Keys held with another; the bits are those that terminals send, less one.</summary>
[Flags]
internal enum KeyModifiers
{
    None = 0,
    Shift = 1,
    Alt = 2,
    Control = 4,
}
