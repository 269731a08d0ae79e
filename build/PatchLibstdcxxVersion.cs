using System;
using System.IO;
using System.Text;
using Microsoft.Build.Framework;
using Microsoft.Build.Utilities;

/// <summary>
/// Marks the symbol version GLIBCXX_3.4.32 that an ELF library needs as weak, so that it loads where libstdc++ is older (Debian 12, Ubuntu 22.04).
/// TorchSharp's bridge asks for that version for one iostream marker symbol that nothing in it relocates against. Idempotent.
/// </summary>
public class PatchLibstdcxxVersion : Task
{
    private const string VersionName = "GLIBCXX_3.4.32";
    private const uint GnuVerneed = 0x6ffffffe;
    private const ushort Weak = 2;

    public string Library { get; set; }

    public override bool Execute()
    {
        if (!File.Exists(Library))
        {
            Log.LogError("TorchSharp's native library is missing: {0}", Library);
            return false;
        }

        byte[] elf = File.ReadAllBytes(Library);
        long flags = FindVersionFlags(elf);
        if (flags < 0)
        {
            Log.LogMessage(MessageImportance.Low, "{0} does not need {1}.", Library, VersionName);
            return true;
        }

        if ((BitConverter.ToUInt16(elf, (int)flags) & Weak) != 0)
        {
            return true;
        }

        // Write a new file and rename it: the one in place may be a hard link into the package cache, or mapped by a running process.
        DateTime stamp = File.GetLastWriteTimeUtc(Library);
        elf[flags] |= (byte)Weak;
        string temporary = Library + ".patched";
        File.WriteAllBytes(temporary, elf);
        File.SetLastWriteTimeUtc(temporary, stamp);
        File.Delete(Library);
        File.Move(temporary, Library);
        Log.LogMessage(MessageImportance.Normal, "{0}: {1} marked weak.", Library, VersionName);
        return true;
    }

    // Walks .gnu.version_r (Elf64_Verneed / Elf64_Vernaux); returns the file offset of vna_flags, or -1.
    private static long FindVersionFlags(byte[] elf)
    {
        if (elf.Length < 64 || elf[0] != 0x7f || elf[1] != (byte)'E' || elf[4] != 2)
        {
            return -1;
        }

        long sections = BitConverter.ToInt64(elf, 0x28);
        int size = BitConverter.ToUInt16(elf, 0x3a);
        int count = BitConverter.ToUInt16(elf, 0x3c);
        for (int i = 0; i < count; i++)
        {
            int header = (int)(sections + ((long)i * size));
            if (BitConverter.ToUInt32(elf, header + 4) != GnuVerneed)
            {
                continue;
            }

            long need = BitConverter.ToInt64(elf, header + 0x18);
            int link = BitConverter.ToInt32(elf, header + 0x28);
            long strings = BitConverter.ToInt64(elf, (int)(sections + ((long)link * size) + 0x18));
            while (true)
            {
                long aux = need + BitConverter.ToUInt32(elf, (int)need + 8);
                for (int n = BitConverter.ToUInt16(elf, (int)need + 2); n > 0; n--)
                {
                    if (ReadString(elf, strings + BitConverter.ToUInt32(elf, (int)aux + 8)) == VersionName)
                    {
                        return aux + 4;
                    }

                    aux += BitConverter.ToUInt32(elf, (int)aux + 12);
                }

                uint next = BitConverter.ToUInt32(elf, (int)need + 12);
                if (next == 0)
                {
                    return -1;
                }

                need += next;
            }
        }

        return -1;
    }

    private static string ReadString(byte[] elf, long offset)
    {
        int end = Array.IndexOf(elf, (byte)0, (int)offset);
        return Encoding.ASCII.GetString(elf, (int)offset, end - (int)offset);
    }
}
