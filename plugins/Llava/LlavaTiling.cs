using System.Text.Json;
using Aperture.Files;
using Aperture.Models;

namespace Aperture.Plugins.Llava;

/// <summary>How the tiles of a picture become one sequence of rows.</summary>
internal enum TileMerge
{
    /// <summary>Tile after tile.</summary>
    Flat,

    /// <summary>The tiles' grids joined to one, row by row, with the padding between picture and canvas.</summary>
    Spatial,

    /// <summary>As <see cref="Spatial"/> without the padding, and with a learned separator behind each row of the grid.</summary>
    SpatialUnpad,
}

/// <summary>
/// LLaVA-1.6's anyres: a picture is looked at as a whole and once more in tiles of the tower's size, cut from a canvas of the resolution that fits it best.
/// </summary>
/// <param name="Pinpoints">Resolutions of canvases in pixels, in the order that decides ties.</param>
/// <param name="Merge">How tiles become rows.</param>
internal sealed record LlavaTiling(IReadOnlyList<(int Width, int Height)> Pinpoints, TileMerge Merge)
{
    /// <summary>The key of the resolutions, in <c>config.json</c> and <c>preprocessor_config.json</c>.</summary>
    public const string PinpointsKey = "image_grid_pinpoints";

    /// <summary>The key of <see cref="Merge"/> in the authors' layout.</summary>
    public const string MergeKey = "mm_patch_merge_type";
    private const int MostPinpoints = 1024;
    private const int MostTiles = 144;

    // The order of both layouts; the authors read each pair as (width, height), Hugging Face as (height, width).
    private static readonly int[][] _published = [[336, 672], [672, 336], [672, 672], [1008, 336], [336, 1008]];

    /// <summary>Whether the size without padding is rounded to seven decimals before it is cut to a whole number, as Hugging Face's code does.</summary>
    public bool RoundsUnpadding { get; init; }

    /// <summary>Whether a separator must be among the weights.</summary>
    public bool NeedsSeparator { get; init; } = true;

    /// <summary>The tiling of a configuration in the authors' layout whose <c>image_aspect_ratio</c> is <c>anyres</c>.</summary>
    /// <param name="config">The configuration.</param>
    /// <exception cref="ApertureException">There are no resolutions, they cannot be read, or the merge type is unknown.</exception>
    public static LlavaTiling ParseOriginal(ConfigReader config)
    {
        string merge = config.Text(MergeKey, "flat")!;
        TileMerge how = merge switch
        {
            "flat" => TileMerge.Flat,
            "spatial" => TileMerge.Spatial,
            "spatial_unpad" => TileMerge.SpatialUnpad,
            _ => throw new ApertureException($"{config.Where}: {MergeKey} '{merge}' is not supported; use flat, spatial or spatial_unpad."),
        };
        return config.Has(PinpointsKey)
            ? new LlavaTiling([.. Read(config).Select(pair => (pair[0], pair[1]))], how) { NeedsSeparator = how == TileMerge.SpatialUnpad }
            : throw new ApertureException(
                $"{config.Where}: image_aspect_ratio is anyres, but there is no {PinpointsKey}; name the resolutions, such as [[336, 672], [672, 336]].");
    }

    /// <summary>The tiling of a <c>llava_next</c> configuration.</summary>
    /// <param name="config">The configuration.</param>
    /// <exception cref="ApertureException">The resolutions cannot be read.</exception>
    public static LlavaTiling ParseHuggingFace(ConfigReader config)
        => new([.. (config.Has(PinpointsKey) ? Read(config) : _published).Select(pair => (pair[1], pair[0]))], TileMerge.SpatialUnpad)
        {
            RoundsUnpadding = true,
            NeedsSeparator = config.Flag("use_image_newline_parameter", true),
        };

    /// <summary>Checks that the resolutions fit a tower.</summary>
    /// <param name="side">Side of the tower's input in pixels.</param>
    /// <param name="where">File name for messages.</param>
    /// <returns>The same tiling.</returns>
    /// <exception cref="ApertureException">One is no multiple of the side, or has more tiles than any model looks at.</exception>
    public LlavaTiling CheckedFor(int side, string where)
    {
        foreach ((int width, int height) in Pinpoints)
        {
            if (width % side != 0 || height % side != 0)
            {
                throw new ApertureException(
                    $"{where}: {PinpointsKey} has {width}x{height}, which is no multiple of the vision tower's {side} pixels; give multiples of {side}.");
            }

            if ((long)(width / side) * (height / side) > MostTiles)
            {
                throw new ApertureException(
                    $"{where}: {PinpointsKey} has {width}x{height}, which is more than {MostTiles} tiles of {side} pixels; give smaller resolutions.");
            }
        }

        return this;
    }

    /// <summary>The plan of a picture: the canvas that keeps most of it, of equals the one that wastes least, of equals the first.</summary>
    /// <param name="width">Width of the picture.</param>
    /// <param name="height">Height of the picture.</param>
    /// <param name="side">Side of a tile in pixels.</param>
    /// <exception cref="ApertureException">The picture has no area.</exception>
    public TilePlan Select(int width, int height, int side)
    {
        (int Width, int Height) best = default;
        long most = 0, leastWaste = long.MaxValue;
        foreach ((int w, int h) in Pinpoints)
        {
            double scale = Math.Min((double)w / width, (double)h / height);
            long shown = Math.Min((long)(int)(width * scale) * (int)(height * scale), (long)width * height), waste = ((long)w * h) - shown;
            if (shown > most || (shown == most && waste < leastWaste))
            {
                (best, most, leastWaste) = ((w, h), shown, waste);
            }
        }

        return new TilePlan(width, height, side, best.Width / side, best.Height / side).Checked();
    }

    private static int[][] Read(ConfigReader config)
    {
        JsonElement value = config.Root.GetProperty(PinpointsKey);
        ApertureException Bad()
            => config.Bad(PinpointsKey, value, $"a list of 1 to {MostPinpoints} pairs of positive numbers of pixels, or such a list as text");
        if (value.ValueKind == JsonValueKind.String)
        {
            try
            {
                // A Python literal: tuples are lists here.
                using JsonDocument text = JsonText.Parse(value.GetString()!.Replace('(', '[').Replace(')', ']'));
                return Pairs(text.RootElement, Bad);
            }
            catch (JsonException)
            {
                throw Bad();
            }
        }

        return Pairs(value, Bad);
    }

    private static int[][] Pairs(JsonElement list, Func<ApertureException> bad)
    {
        if (list.ValueKind != JsonValueKind.Array || list.GetArrayLength() is 0 or > MostPinpoints)
        {
            throw bad();
        }

        return [.. list.EnumerateArray().Select(pair => pair.ValueKind == JsonValueKind.Array && pair.GetArrayLength() == 2
            ? (int[])[Number(pair[0]), Number(pair[1])]
            : throw bad())];

        int Number(JsonElement side)
            => side.ValueKind == JsonValueKind.Number && side.TryGetInt32(out int pixels) && pixels is >= 1 and <= 1 << 20 ? pixels : throw bad();
    }
}
