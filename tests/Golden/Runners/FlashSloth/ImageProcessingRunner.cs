using System.Security.Cryptography;
using System.Text.Json;
using Aperture.Images;
using Aperture.Plugins.FlashSloth.Family;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.FlashSloth;

/// <summary>Pictures by a formula, squashed, padded and cut into HD's tiles: bytes and pixel values.</summary>
public sealed class ImageProcessingRunner : IGoldenRunner
{
    private const int Side = 384;

    public string Area => "flashsloth";

    public string Kind => "image_processing";

    public void Run(GoldenCase golden)
    {
        int[] rows = [.. golden.Config.GetProperty("rows").EnumerateArray().Select(row => row.GetInt32())];
        int small = golden.Config.GetProperty("small_size").GetInt32();
        foreach (JsonProperty photo in golden.Config.GetProperty("photos").EnumerateObject())
        {
            using DisposeScope scope = NewDisposeScope();
            string name = photo.Name;
            int height = photo.Value.GetProperty("h").GetInt32(), width = photo.Value.GetProperty("w").GetInt32();
            byte[] bytes = Photo(width, height, photo.Value.GetProperty("seed").GetUInt32());
            Assert.Equal(photo.Value.GetProperty("input_sha256").GetString(), Convert.ToHexStringLower(SHA256.HashData(bytes)));
            if (golden.Has($"in.{name}.image"))
            {
                golden.CompareExact($"in.{name}.image", tensor(bytes, [height, width, 3], dtype: ScalarType.Byte));
            }

            Image picture = Image.FromRgb(bytes, width, height);
            Compare(golden, name, "square", photo.Value.GetProperty("square_sha256"), new FlashSlothPictures(Side, hd: false, pad: false).Cut(picture), rows);
            Compare(golden, name, "pad", photo.Value.GetProperty("pad_sha256"), new FlashSlothPictures(Side, hd: false, pad: true).Cut(picture), rows);
            Compare(golden, name, "hd", photo.Value.GetProperty("hd_tiles_sha256"), new FlashSlothPictures(Side, hd: true, pad: false).Cut(picture), rows);
            FlashSlothPictures smaller = new(small, hd: false, pad: false);
            golden.CompareExact($"out.{name}.small_square", Planes(smaller.Cut(picture)[0]));
            if (golden.Has($"out.{name}.square_pixel_values_small"))
            {
                golden.CompareExact($"out.{name}.square_pixel_values_small", smaller.Process(picture)[0]);
            }
        }
    }

    private static void Compare(GoldenCase golden, string photo, string mode, JsonElement hashes, IReadOnlyList<Image> tiles, int[] rows)
    {
        string[] recorded = hashes.ValueKind == JsonValueKind.Array
            ? [.. hashes.EnumerateArray().Select(hash => hash.GetString()!)]
            : [hashes.GetString()!];
        Tensor[] planes = [.. tiles.Select(Planes)];
        Tensor index = tensor(Array.ConvertAll(rows, row => (long)row));
        Tensor shown = stack([.. planes.Select(own => own.index_select(1, index))], 0); // [tiles, 3, rows, side]
        golden.CompareExact($"out.{photo}.{mode}_rows", hashes.ValueKind == JsonValueKind.Array ? shown : shown[0]);
        Assert.Equal(recorded, planes.Select(own => Convert.ToHexStringLower(SHA256.HashData(own.contiguous().data<byte>().ToArray()))));
    }

    // [height, width, 3] -> [3, height, width]
    private static Tensor Planes(Image image)
        => tensor(image.Pixels.ToArray(), [image.Height, image.Width, 3], dtype: ScalarType.Byte).permute(2, 0, 1).contiguous();

    private static byte[] Photo(int width, int height, uint seed)
    {
        byte[] bytes = new byte[width * height * 3];
        for (int y = 0, k = 0; y < height; y++)
        {
            for (int x = 0; x < width; x++)
            {
                for (int c = 0; c < 3; c++, k++)
                {
                    uint h = unchecked(((uint)k * 0x9E3779B9) + seed);
                    h ^= h >> 16;
                    h = unchecked(h * 0x85EBCA6B);
                    h ^= h >> 13;
                    h = unchecked(h * 0xC2B2AE35);
                    h ^= h >> 16;
                    bytes[k] = (byte)((((3 * y) + (2 * x) + (40 * c) + (90 * (((y / 9) + (x / 7)) % 2))) % 192) + (int)((h >> 8) % 64));
                }
            }
        }

        return bytes;
    }
}
