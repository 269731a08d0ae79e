using Aperture.Abstractions.Tests.Weights;
using Aperture.Files;
using Aperture.Images;

namespace Aperture.Abstractions.Tests.Files;

/// <summary>Files are replaced whole, what killed processes left is cleaned by the next, and a folder has one writer.</summary>
public sealed class AtomicFileTests
{
    private const string Dead = "4194999"; // above the largest number that Linux gives a process

    [Fact]
    public void What_a_killed_process_left_goes_and_nothing_else()
    {
        using TemporaryFolder folder = new();
        string tail = $"{Guid.NewGuid():N}.tmp";
        string left = folder.Write($"a.bin.{Dead}-{tail}", [1]);
        string[] kept =
        [
            folder.Write($"b.bin.{Dead}-{tail}", [1]), // another file's
            folder.Write($"a.bin.{Environment.ProcessId}-{tail}", [1]), // of a process that lives
            folder.Write($"a.bin.{Dead}-x.tmp", [1]), // a user's
            folder.Write($"a.bin.{Dead}-{tail}.old", [1]),
        ];
        string held = folder.Write($"a.bin.{Dead}-{Guid.NewGuid():N}.tmp", [1]);
        using (new FileStream(held, FileMode.Open, FileAccess.ReadWrite, FileShare.None))
        {
            AtomicFile.Write(folder["a.bin"], [2, 3]);
        }

        Assert.Equal([2, 3], File.ReadAllBytes(folder["a.bin"]));
        Assert.False(File.Exists(left));
        Assert.True(File.Exists(held)); // somebody writes into it
        Assert.All(kept, file => Assert.True(File.Exists(file), file));
        AtomicFile.Write(folder["a.bin"], [4]);
        Assert.False(File.Exists(held));
    }

    [Fact]
    public void What_killed_processes_left_of_a_picture_or_in_a_folder_goes_too()
    {
        using TemporaryFolder folder = new();
        string picture = folder.Write($"a.png.{Dead}-{Guid.NewGuid():N}.tmp", [1]), work = folder[$"b.json.{Dead}-{Guid.NewGuid():N}.tmp"];
        Directory.CreateDirectory(Path.Combine(work, "obj"));
        string held = folder[$"b.json.{Dead}-{Guid.NewGuid():N}.tmp"];
        using (FolderLock.Take(held, "another run"))
        {
            Image.Filled(2, 2, 1, 2, 3).SavePng(folder["a.png"]);
            AtomicFile.Write(folder["b.json"], [1]);
        }

        Assert.False(File.Exists(picture));
        Assert.False(Directory.Exists(work));
        Assert.True(Directory.Exists(held)); // somebody works in it
        Assert.Equal([folder["a.png"], folder["b.json"]], Directory.GetFiles(folder.Root).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void What_cannot_be_put_in_place_leaves_nothing_beside()
    {
        using TemporaryFolder folder = new();
        Directory.CreateDirectory(folder["there"]);

        Assert.ThrowsAny<Exception>(() => AtomicFile.Write(folder["there"], [1]));

        Assert.Equal([folder["there"]], Directory.GetFileSystemEntries(folder.Root));
    }

    [Fact]
    public void A_folder_has_one_writer_and_what_a_killed_one_left_is_no_lock()
    {
        using TemporaryFolder folder = new();
        folder.Write(FolderLock.FileName, []);
        using (FolderLock.Take(folder.Root, "another training"))
        {
            string message = Assert.Throws<ApertureException>(() => FolderLock.Take(folder.Root, "another training")).Message;
            Assert.Equal($"Another training is running in '{folder.Root}'; wait for its end, or give another folder.", message);
        }

        FolderLock.Take(folder.Root, "another training").Dispose();
        Assert.Empty(Directory.GetFiles(folder.Root));
    }
}
