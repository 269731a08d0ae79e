using System.Globalization;
using System.Runtime.InteropServices;
using Aperture.Natives;
using Aperture.Pipelines;
using TorchSharp;

namespace Aperture.Host.Tests.Cli;

public class TorchNativesTests
{
    [Fact]
    public void Its_log_tells_errors_alone()
    {
        TorchNatives.Preload();

        nint core = NativeLibrary.Load(Path.Combine(AppContext.BaseDirectory, "libc10.so"));
        Assert.Equal(2, Marshal.ReadInt32(NativeLibrary.GetExport(core, "FLAGS_caffe2_log_level")));
    }

    [Fact]
    [Trait("Category", "Process")]
    public async Task A_large_tensor_gets_the_memory_of_the_last_one()
    {
        using CommandFolder f = new();
        f.Write("a.csx", """
            using static TorchSharp.torch;
            long Faults() => long.Parse(File.ReadAllText("/proc/self/stat").Split(' ')[9]);
            long Fill() { long before = Faults(); zeros(16 << 20).Dispose(); return Faults() - before; } // 64 MB
            Fill();
            Print(Fill());
            """);
        Assert.InRange(int.Parse((await f.Run("run", "a.csx")).Output, CultureInfo.InvariantCulture), 0, 1000); // page by page it is 16384
    }

    [Fact]
    [Trait("Category", "Process")]
    public async Task A_wrong_APERTURE_LIBTORCH_is_one_line()
    {
        using CommandFolder f = new();
        f.Environment["APERTURE_LIBTORCH"] = "/nowhere";
        Assert.Equal((1, "", "error: APERTURE_LIBTORCH names '/nowhere', which is not a folder.\n"), await f.Run("run", "a.csx"));
        f.Environment["APERTURE_LIBTORCH"] = f.Folder;
        Assert.Equal(
            $"error: APERTURE_LIBTORCH names '{f.Folder}', which has no libc10.so; name the folder that holds libtorch_cpu.so.\n",
            (await f.Run("run", "a.csx")).Error);
    }

    [Fact]
    public void A_second_copy_beside_the_application_is_refused()
    {
        using CommandFolder f = new();
        f.Write("libc10.so", "").Write("libtorch_cpu.so", "").Write("libtorch.so", "");
        ApertureException error = Assert.Throws<ApertureException>(() => TorchNatives.Preload(f.Folder, AppContext.BaseDirectory));
        Assert.Contains("two copies end the process", error.Message);
    }

    [Fact]
    public void A_library_that_another_one_needs_and_that_is_missing_is_named_by_the_loader()
    {
        using CommandFolder f = new();
        File.WriteAllBytes(Path.Combine(f.Folder, "libc10.so"), NeedyLibrary("libnothere.so.7"));
        f.Write("libtorch_cpu.so", "").Write("libtorch.so", "");

        ApertureException error = Assert.Throws<ApertureException>(() => TorchNatives.Preload(f.Folder, Path.Combine(f.Folder, "app")));

        Assert.StartsWith("libc10.so cannot be loaded (libnothere.so.7: cannot open shared object file: No such file or directory); ", error.Message);
    }

    [Fact]
    public void A_library_that_does_not_load_is_named_with_the_loaders_reason_and_the_remedy()
    {
        using CommandFolder f = new();
        f.Write("libc10.so", "not an ELF file, although it is long enough to be looked at by the loader......")
            .Write("libtorch_cpu.so", "")
            .Write("libtorch.so", "");
        ApertureException error = Assert.Throws<ApertureException>(() => TorchNatives.Preload(f.Folder, Path.Combine(f.Folder, "app")));
        Assert.StartsWith($"libc10.so cannot be loaded ({f.Folder}/libc10.so: ", error.Message);
        Assert.Contains("invalid ELF header", error.Message);
        Assert.EndsWith("rebuild with 'dotnet build', or set APERTURE_LIBTORCH to a folder with libtorch 2.10.", error.Message);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Fact]
    [Trait("Category", "Process")]
    public async Task A_build_without_libtorch_computes_with_the_one_APERTURE_LIBTORCH_names()
    {
        // The application without its libtorch, and a libtorch elsewhere: hard links, because one of the files has half a gigabyte.
        using CommandFolder f = new();
        string root = Path.Combine(AppContext.BaseDirectory, "..", "libtorch-elsewhere-" + Guid.NewGuid().ToString("N"));
        string application = Directory.CreateDirectory(Path.Combine(root, "app")).FullName;
        string libtorch = Directory.CreateDirectory(Path.Combine(root, "libtorch")).FullName;
        try
        {
            foreach (string file in Directory.GetFiles(AppContext.BaseDirectory))
            {
                string name = Path.GetFileName(file);
                bool isLibtorch = name.StartsWith("libtorch") || name.StartsWith("libc10") || name.StartsWith("libgomp") || name.StartsWith("libshm");
                await System.Diagnostics.Process.Start("ln", [file, isLibtorch ? libtorch : application]).WaitForExitAsync();
            }

            f.Write("a.csx", """
                Print(torch.ones(2, 3).sum().item<float>());
                foreach (var path in File.ReadLines("/proc/self/maps").Where(l => l.EndsWith("/libtorch_cpu.so")).Select(l => l[l.IndexOf('/')..]).Distinct())
                {
                    Print(path);
                }
                """);
            f.Environment["APERTURE_LIBTORCH"] = libtorch;
            using ApertureProcess process = new(f.Folder, f.Environment, application, "run", "a.csx");
            Assert.Equal((0, $"6\n{libtorch}/libtorch_cpu.so\n", ""), await process.EndAsync());
        }
        finally
        {
            Directory.Delete(root, recursive: true);
        }
    }

    [Theory]
    [InlineData("cpu", true)]
    [InlineData("cuda:3", true)]
    [InlineData("cuda:x", false)]
    [InlineData("cuda:-1", false)]
    [InlineData("", false)]
    public void Device_texts_are_checked(string text, bool isDevice) => Assert.Equal(isDevice, DeviceChoice.TryParse(text) is not null);

    [SkippableFact]
    public void A_GPU_that_is_not_there_says_what_to_do()
    {
        Skip.If(torch.cuda.is_available(), "there is a GPU here");
        ApertureException error = Assert.Throws<ApertureException>(() => DeviceChoice.TryParse("cuda")!.Open());
        Assert.StartsWith("--device cuda: libtorch sees no GPU here; use --device cpu", error.Message);
        Assert.Equal(DeviceType.CPU, DeviceChoice.Auto.Open().type);
    }

    // The least that the loader takes for a library: a header, two segments, and a dynamic section that names what it needs.
    private static byte[] NeedyLibrary(string needs)
    {
        const int Headers = 64 + (2 * 56), Dynamic = Headers, Strings = Dynamic + (6 * 16), Symbols = 400;
        byte[] file = new byte[512];
        Span<byte> bytes = file;
        byte[] start = [0x7F, (byte)'E', (byte)'L', (byte)'F', 2, 1, 1];
        start.CopyTo(bytes);
        Numbers(bytes[16..], sizeof(ushort), 3, 62);
        Numbers(bytes[20..], sizeof(uint), 1);
        Numbers(bytes[32..], sizeof(ulong), 64);
        Numbers(bytes[52..], sizeof(ushort), 64, 56, 2, 64);
        Segment(bytes[64..], type: 1, offset: 0, length: file.Length);
        Segment(bytes[120..], type: 2, offset: Dynamic, length: 6 * 16);
        Numbers(bytes[Dynamic..], sizeof(ulong), 1, 1, 5, Strings, 6, Symbols, 10, needs.Length + 2, 11, 24, 0, 0); // NEEDED STRTAB SYMTAB STRSZ SYMENT NULL
        System.Text.Encoding.ASCII.GetBytes(needs).CopyTo(bytes[(Strings + 1)..]);
        return file;

        static void Segment(Span<byte> at, int type, int offset, int length)
        {
            Numbers(at, sizeof(uint), type, 6); // readable and writable
            Numbers(at[8..], sizeof(ulong), offset, offset, offset, length, length, 4096);
        }

        static void Numbers(Span<byte> at, int size, params long[] values)
        {
            for (int i = 0; i < values.Length; i++)
            {
                BitConverter.GetBytes(values[i]).AsSpan(0, size).CopyTo(at[(i * size)..]);
            }
        }
    }
}
