using System.Security.Cryptography;
using System.Text;
using Aperture.Files;

namespace Aperture.Scripting;

/// <summary>
/// Compiled scripts on disk, one file a key: a magic word, the SHA-256 of the rest, and the submission. Whatever does not check is ignored and written anew.
/// </summary>
internal sealed class ScriptCache(string folder)
{
    private static readonly byte[] _magic = "APSC0002"u8.ToArray();

    /// <summary><c>$XDG_CACHE_HOME/aperture/scripts</c>, or <c>~/.cache/aperture/scripts</c>; null where the user has no folder.</summary>
    public static string? DefaultFolder => UserCache.Folder("scripts");

    /// <summary>The submission of a key, or null if there is none that is whole.</summary>
    public Submission? Read(string key)
    {
        byte[] file;
        try
        {
            file = File.ReadAllBytes(PathOf(key));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null; // Not there, or not readable: the script is compiled instead.
        }

        int header = _magic.Length + SHA256.HashSizeInBytes;
        if (file.Length < header
            || !file.AsSpan(0, _magic.Length).SequenceEqual(_magic)
            || !SHA256.HashData(file.AsSpan(header)).AsSpan().SequenceEqual(file.AsSpan(_magic.Length, SHA256.HashSizeInBytes)))
        {
            return null;
        }

        using BinaryReader reader = new(new MemoryStream(file, header, file.Length - header, writable: false), Encoding.UTF8);
        return new Submission(
            reader.ReadString(),
            reader.ReadString(),
            reader.ReadString(),
            reader.ReadBoolean(),
            [.. Enumerable.Range(0, reader.ReadInt32()).Select(_ => reader.ReadString())],
            [.. Enumerable.Range(0, reader.ReadInt32()).Select(_ => new PackageRequest(reader.ReadString(), reader.ReadString()))],
            [.. Enumerable.Range(0, reader.ReadInt32()).Select(_ => reader.ReadString())],
            [.. Enumerable.Range(0, reader.ReadInt32()).Select(_ => reader.ReadString())],
            reader.ReadBytes(reader.ReadInt32()),
            reader.ReadBytes(reader.ReadInt32()));
    }

    /// <summary>Writes a submission under a new name and renames it into place. A folder that cannot be written only costs the next start its speed.</summary>
    public void Write(string key, Submission submission)
    {
        byte[] body = Serialize(submission);
        string temporary = AtomicFile.Temporary(PathOf(key));
        try
        {
            Directory.CreateDirectory(folder);
            using (FileStream stream = File.Create(temporary))
            {
                stream.Write(_magic);
                stream.Write(SHA256.HashData(body));
                stream.Write(body);
            }

            File.Move(temporary, PathOf(key), overwrite: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            if (File.Exists(temporary))
            {
                File.Delete(temporary);
            }
        }
    }

    private static byte[] Serialize(Submission submission)
    {
        MemoryStream body = new();
        using BinaryWriter writer = new(body, Encoding.UTF8);
        writer.Write(submission.AssemblyName);
        writer.Write(submission.FactoryType);
        writer.Write(submission.FactoryMethod);
        writer.Write(submission.IsExpression);
        Write(writer, submission.Libraries);
        writer.Write(submission.Packages.Count);
        foreach (PackageRequest package in submission.Packages)
        {
            writer.Write(package.Id);
            writer.Write(package.Version);
        }

        Write(writer, submission.PackageVersions);
        Write(writer, submission.Usings);
        writer.Write(submission.Image.Length);
        writer.Write(submission.Image);
        writer.Write(submission.Symbols.Length);
        writer.Write(submission.Symbols);
        writer.Flush();
        return body.ToArray();
    }

    private static void Write(BinaryWriter writer, IReadOnlyList<string> texts)
    {
        writer.Write(texts.Count);
        foreach (string text in texts)
        {
            writer.Write(text);
        }
    }

    private string PathOf(string key) => Path.Combine(folder, key + ".script");
}
